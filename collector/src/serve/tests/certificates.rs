//! Certificates over time: what ends, what takes its place, and who is let in meanwhile.

use rustls_pki_types::pem::PemObject as _;

use super::*;
use crate::admin::authority::Wanted;
use crate::identity::CERTIFICATE_ENDED;

const DAY: i64 = 86_400;

async fn renew(hall: &Hall, agent: &Agent) -> Result<Agent, Status> {
    let channel =
        hall.connect(Some(agent.identity())).await.map_err(|error| Status::unknown(error.to_string()))?;
    let (certificate_request, key_pem) = request();
    let answer =
        EnrolmentClient::new(channel).renew(RenewRequest { certificate_request }).await?.into_inner();
    Ok(joined(answer, key_pem))
}

async fn reports(hall: &Hall, agent: &Agent) -> Result<u64, Status> {
    let channel =
        hall.connect(Some(agent.identity())).await.map_err(|error| Status::unknown(error.to_string()))?;
    send(&mut IntakeClient::new(channel), report(1, [])).await
}

async fn ordered(hall: &Hall, wanted: Wanted) -> Result<Box<crate::admin::authority::Report>, OrderError> {
    match carry_out(&hall.running.house, Order::Authority(wanted)).await? {
        Done::Authority(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

fn welcome(hall: &Hall, agent: &Agent) -> usize {
    let row = hall.running.house.collector.shelves.endpoint(agent.id.parse().unwrap()).unwrap().unwrap();
    row.certificates.len()
}

#[tokio::test]
async fn an_ended_certificate_is_renewed_within_the_grace_and_does_nothing_else() {
    let hall = Hall::open().await;
    let (agent, mut open) = hall.agent().await;
    assert!(reports(&hall, &agent).await.is_ok());
    hall.later(91 * DAY);
    for refused in
        [reports(&hall, &agent).await.unwrap_err(), send(&mut open, report(1, [])).await.unwrap_err()]
    {
        assert_eq!((refused.code(), reason(&refused)), (Code::PermissionDenied, CERTIFICATE_ENDED));
    }
    let renewed = renew(&hall, &agent).await.unwrap();
    assert_eq!(renewed.id, agent.id);
    assert!(reports(&hall, &renewed).await.is_ok());
}

#[tokio::test]
async fn after_the_grace_an_ended_certificate_ends_at_the_handshake() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    hall.later((90 + 180) * DAY + 1);
    assert!(renew(&hall, &agent).await.is_err());
    assert!(reports(&hall, &agent).await.is_err());
    assert_eq!(welcome(&hall, &agent), 1, "nothing was signed");
}

#[tokio::test]
async fn a_revoked_endpoint_renews_nothing_within_the_grace() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    hall.later(91 * DAY);
    let order = Order::Revoke { who: agent.id.clone(), reason: "stolen".to_owned() };
    carry_out(&hall.running.house, order).await.unwrap();
    assert_eq!(renew(&hall, &agent).await.err().unwrap().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_certificate_that_has_not_begun_is_renewed_and_does_nothing_else() {
    let hall = Hall::open().await;
    hall.later(1_000 * DAY);
    let (agent, mut open) = hall.agent().await;
    hall.later(-1_000 * DAY);
    for refused in
        [reports(&hall, &agent).await.unwrap_err(), send(&mut open, report(1, [])).await.unwrap_err()]
    {
        assert_eq!((refused.code(), reason(&refused)), (Code::PermissionDenied, CERTIFICATE_ENDED));
    }
    let renewed = renew(&hall, &agent).await.unwrap();
    assert!(reports(&hall, &renewed).await.is_ok());
    hall.later(1_000 * DAY);
    assert!(reports(&hall, &renewed).await.is_ok(), "it ends no earlier than the one before it");
}

#[tokio::test]
async fn a_clock_that_went_back_before_the_authoritys_begin_locks_nobody_out() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    hall.later(-1_000 * DAY);
    let first = renew(&hall, &agent).await.unwrap();
    let refused = reports(&hall, &first).await.unwrap_err();
    assert_eq!(reason(&refused), CERTIFICATE_ENDED, "our authority itself has not begun by this clock");
    assert!(hall.running.house.authority.rotate_if_due(hall.clock.now()).unwrap(), "as each hour");
    let renewed = renew(&hall, &first).await.unwrap();
    assert!(reports(&hall, &renewed).await.is_ok());
    hall.later(1_000 * DAY);
    assert!(reports(&hall, &renewed).await.is_ok(), "it ends no earlier than the one before it");
}

#[tokio::test]
async fn the_certificates_before_are_welcome_until_the_new_one_is_used() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    let lost = renew(&hall, &agent).await.unwrap();
    let renewed = renew(&hall, &agent).await.unwrap();
    assert!(reports(&hall, &agent).await.is_ok(), "whoever lost the answer goes on with what it has");
    assert_eq!(welcome(&hall, &agent), 3);
    assert!(reports(&hall, &renewed).await.is_ok());
    assert_eq!(welcome(&hall, &agent), 1);
    for before in [&agent, &lost] {
        assert_eq!(reports(&hall, before).await.unwrap_err().code(), Code::PermissionDenied);
    }
    let hall = hall.again().await;
    assert_eq!(reports(&hall, &agent).await.unwrap_err().code(), Code::PermissionDenied);
    assert!(reports(&hall, &renewed).await.is_ok());
}

#[tokio::test]
async fn the_collectors_own_certificate_is_replaced_while_connections_stay() {
    let hall = Hall::open().await;
    let (_, mut open) = hall.agent().await;
    send(&mut open, report(1, 1..=1)).await.unwrap();
    let house = Arc::clone(&hall.running.house);
    let due = |own: &Own| {
        own::renew_if_due(own, hall.folder.path(), &house.authority, &house.config.names, hall.clock.now())
            .unwrap()
    };
    let before = hall.running.own.certificate().unwrap();
    assert!(!due(&hall.running.own));
    // The agent's own would have ended long before.
    let agent_days = 80;
    hall.clock.0.fetch_add(agent_days * DAY, Ordering::Relaxed);
    assert!(!due(&hall.running.own));
    let days = 365 * 2 / 3 + 1 - agent_days;
    hall.later(days * DAY);
    assert!(due(&hall.running.own));
    assert_ne!(hall.running.own.certificate().unwrap(), before);
    hall.later(-days * DAY);
    assert_eq!(send(&mut open, report(1, 2..=2)).await.unwrap(), 2, "the connection is the same");
    assert!(due(&hall.running.own), "what begins later than now is of no use");
}

#[tokio::test]
async fn an_issuing_authority_follows_another_and_nobody_notices() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    let before = hall.running.own.certificate().unwrap();
    let report = ordered(&hall, Wanted::Rotate { root_key: None }).await.unwrap();
    assert_eq!(report.standing.generation, 1);
    assert_ne!(hall.running.own.certificate().unwrap(), before, "the server's own is signed anew");
    assert!(reports(&hall, &agent).await.is_ok());
    let renewed = renew(&hall, &agent).await.unwrap();
    assert_ne!(renewed.chain_pem.split("-----END").nth(1), agent.chain_pem.split("-----END").nth(1));
    assert!(reports(&hall, &renewed).await.is_ok());
    let hall = hall.again().await;
    assert!(reports(&hall, &renewed).await.is_ok());
    assert!(hall.enrol(&hall.token(60).await).await.is_ok());
}

#[tokio::test]
async fn an_issuing_authority_is_made_anew_by_itself_when_a_third_is_left() {
    let hall = Hall::open().await;
    let authority = &hall.running.house.authority;
    let now = hall.clock.now();
    let later = |days: i64| now + SignedDuration::from_hours(24 * days);
    assert!(!authority.rotate_if_due(later(2_400)).unwrap());
    assert!(authority.rotate_if_due(later(2_450)).unwrap());
    let key = files::authority(hall.folder.path()).join("root-key.pem");
    let elsewhere = hall.folder.path().join("kept.pem");
    std::fs::rename(&key, &elsewhere).unwrap();
    let missing = authority.rotate(None, later(2_450)).unwrap_err().to_string();
    assert!(missing.contains("--root-key"), "{missing}");
    authority.rotate(Some(&elsewhere), later(2_450)).unwrap();
    assert_eq!(authority.standing().generation, 2);
}

#[tokio::test]
async fn a_root_follows_another_once_everybody_has_it() {
    let hall = Hall::open().await;
    let (agent, _) = hall.agent().await;
    hall.later(60);
    let report = ordered(&hall, Wanted::PrepareRoot).await.unwrap();
    assert_eq!(report.without_next_root, ["sv01"]);
    let early = ordered(&hall, Wanted::FinishRoot { root_key: None, force: false }).await.unwrap_err();
    assert!(early.to_string().contains("sv01"), "{early}");
    hall.later(60);
    let renewed = renew(&hall, &agent).await.unwrap();
    let roots = hall.running.house.authority.roots_to_give();
    assert_eq!(roots.len(), 2);
    let old_root = hall.running.house.authority.root();
    ordered(&hall, Wanted::FinishRoot { root_key: None, force: false }).await.unwrap();
    assert_ne!(hall.running.house.authority.root(), old_root);
    // Who trusts the old root alone no longer knows this collector; who has both does.
    assert!(hall.connect(Some(renewed.identity())).await.is_err());
    let Hall { folder, clock, running, .. } = hall;
    let hall = Hall { folder, clock, running, root_pem: files::pem(&roots[1..]) };
    assert!(
        reports(&hall, &renewed).await.is_ok(),
        "its certificate is of the old root, which is still trusted here"
    );
    let next = renew(&hall, &renewed).await.unwrap();
    let hall = hall.again().await;
    assert!(reports(&hall, &next).await.is_ok());
    assert!(hall.enrol(&hall.token(60).await).await.is_ok());
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    carry_out(&hall.running.house, Order::Backup { to: to.clone() }).await.unwrap();
    let data = folder.path().join("data");
    crate::admin::backup::restore(&to, &data, false).unwrap();
    assert_eq!(Authority::open(&data).unwrap().roots(), hall.running.house.authority.roots());
}

#[tokio::test]
async fn nothing_outlives_the_authority_that_signed_it() {
    let hall = Hall::open().await;
    hall.later(3_600 * DAY);
    let (agent, _) = hall.agent().await;
    let certificate = CertificateDer::pem_slice_iter(agent.chain_pem.as_bytes()).next().unwrap().unwrap();
    let until = Life::of(&certificate).unwrap().until;
    assert_eq!(until, hall.running.house.authority.standing().issuing.until);
    assert!(until < hall.clock.now() + SignedDuration::from_hours(24 * 60));
}
