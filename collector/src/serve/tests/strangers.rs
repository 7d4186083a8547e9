//! What a caller without a certificate is told: what to do, and nothing of the inside.

use tonic::client::Grpc;
use tonic::metadata::MetadataMap;

use super::*;
use crate::identity::permissions::PERMISSIONS;

/// Asks for a path with an empty message, and takes the refusal.
async fn refused(channel: &Channel, path: String) -> Status {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = daicho_proto::codec::Careful::<wire::StatusRequest, wire::StatusAnswer>::default();
    let path = path.parse().unwrap();
    client.unary(Request::new(wire::StatusRequest {}), path, codec).await.unwrap_err()
}

/// Everything of a refusal that the caller sees.
fn shown(status: &Status) -> String {
    let metadata: &MetadataMap = status.metadata();
    let details = String::from_utf8_lossy(status.details()).into_owned();
    format!("{} {details} {metadata:?}", status.message())
}

#[tokio::test]
async fn a_caller_without_a_certificate_learns_nothing_of_the_inside() {
    let hall = Hall::open().await;
    carry_out(&hall.running.house, operator("suzuki", &[Role::Officer])).await.unwrap();
    let (agent, _client) = hall.agent().await;
    let data = hall.folder.path().to_str().unwrap().to_owned();
    let inside = [data.as_str(), "suzuki", &agent.id, "sv01", "redb", "rustls", "src/", "0.1.0"];
    let check = |what: &str, status: &Status| {
        let shown = shown(status);
        for word in inside {
            assert!(!shown.contains(word), "{what} tells {word:?}: {shown}");
        }
    };
    let mut strangers = 0;
    let methods = PERMISSIONS.iter().map(|(method, _)| *method).chain(["Intake/Report", "Enrolment/Renew"]);
    // Each with a line of its own: a caller without a certificate has no patience to lose.
    for method in methods {
        let channel = hall.connect(None).await.unwrap();
        let status = refused(&channel, format!("/daicho.v1.{method}")).await;
        assert_eq!(status.code(), Code::Unauthenticated, "{method}: {status:?}");
        check(method, &status);
        strangers += 1;
    }
    assert!(strangers > 30);
    let channel = hall.connect(None).await.unwrap();
    for path in ["/", "/daicho.v1.Query", "/daicho.v1.Query/Unknown", "/etc/passwd", "/daicho.v1.Intake/"] {
        let status = refused(&channel, path.to_owned()).await;
        assert!(matches!(status.code(), Code::Unauthenticated | Code::Unimplemented), "{path}: {status:?}");
        check(path, &status);
    }
    let token = hall.token(3_600).await;
    for (token, request) in [
        ("", vec![]),
        ("daicho1-", vec![0xff; 100]),
        (token.as_str(), vec![]),
        (token.as_str(), vec![0x30, 0x82, 0xff, 0xff]),
    ] {
        let asked =
            EnrolRequest { token: token.to_owned(), certificate_request: request, ..EnrolRequest::default() };
        let status = EnrolmentClient::new(channel.clone()).enrol(asked).await.unwrap_err();
        check("an enrolment", &status);
    }
}

#[tokio::test]
async fn who_asks_too_fast_is_asked_for_patience_and_others_are_not() {
    let hall = Hall::open().await;
    let (_, mut fast) = hall.agent().await;
    let (_, mut other) = hall.agent().await;
    let mut busy = None;
    for _ in 0..1_000 {
        if let Err(status) = send(&mut fast, report(1, [])).await {
            busy = Some(status);
            break;
        }
    }
    let busy = busy.expect("nobody may ask a thousand times without a pause");
    assert_eq!(busy.code(), Code::ResourceExhausted);
    let wait: u64 = busy.metadata().get("retry-after-ms").unwrap().to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}: the time to the next of fifty a second");
    assert_eq!(send(&mut other, report(1, [])).await.unwrap(), 0);
}
