//! A stick that goes from device to device: who tells of it, and what another machine wrote to it.

use daicho_proto::facts::{Medium, MediumKind, MediumSeen};
use daicho_rules::ledger::{ApprovedMedium, Scope};
use jiff::SignedDuration;

use super::*;

const RULE: &str = "11.taken_outside";
const STICK: &str = "0781:5581:AA01";
const DAY: i64 = 86_400;

impl World {
    /// The stick is plugged in and mounted, unmounted and taken out.
    async fn carry(&mut self, endpoint: EndpointId, before_kib: u64, settled_kib: Option<u64>) {
        let stick = Medium {
            vendor_id: Some("0781".to_owned()),
            product_id: Some("5581".to_owned()),
            serial: Some("AA01".to_owned()),
            kind: MediumKind::Storage,
            filesystem_uuid: Some("u-1".to_owned()),
            first_seen: Some(self.collector.clock.now()),
            written_kib: Some(before_kib),
            settled_kib,
            ..Medium::default()
        };
        self.media(endpoint, vec![stick]).await;
        self.later(60);
        self.media(endpoint, Vec::new()).await;
    }

    async fn media(&mut self, endpoint: EndpointId, media: Vec<Medium>) {
        self.media_told(endpoint, media, 0, 0).await;
    }

    /// By a clock that is ahead by so many seconds now, and was by so many when it looked.
    async fn media_told(&mut self, endpoint: EndpointId, media: Vec<Medium>, now: i64, then: i64) {
        let (right, ahead) = (self.collector.clock.now(), |seconds| SignedDuration::from_secs(seconds));
        let sequence = self.sequence.iter().filter(|(of, _)| *of == endpoint).count() as u64 + 1;
        self.sequence.insert((endpoint, sequence));
        let fact = Fact::Media(Look::complete(media));
        let observation = Observation { sequence, observed_at: right + ahead(then), fact };
        let report = wire::ReportRequest {
            incarnation: 1,
            observations: vec![observation.into()],
            agent_time_us: daicho_proto::time::to_wire(right + ahead(now)),
            agent_version: "0.1.0".to_owned(),
            ..Default::default()
        };
        crate::intake::take(&self.collector, endpoint, report).await.unwrap();
        assert!(self.evaluator.work(false).await);
    }

    fn taken(&self) -> [bool; 2] {
        ["PC-01", "PC-02"].map(|device| self.state(RULE, device, STICK) == Some(State::Open))
    }
}

async fn two_devices(scope: Scope) -> (World, EndpointId, EndpointId) {
    let mut world = World::new();
    let row = ApprovedMedium {
        media_id: "USB-1".to_owned(),
        serial: Some("AA01".to_owned()),
        approved_by: Some("sato".to_owned()),
        device: scope,
        ..ApprovedMedium::default()
    };
    world.import(Ledger { media: vec![row], ..ledger(&["PC-01", "PC-02"], &[]) }).await;
    let (one, other) = (world.enrol("host-pc-01"), world.enrol("host-pc-02"));
    world.report(one, "host-pc-01", &[]).await;
    world.report(other, "host-pc-02", &[]).await;
    (world, one, other)
}

#[tokio::test]
async fn a_stick_that_nobody_sees_is_told_once_where_it_was_last() {
    let (mut world, one, other) = two_devices(Scope::All).await;
    world.carry(one, 1000, Some(1000)).await;
    world.later(20 * DAY);
    world.carry(other, 1000, Some(1000)).await;
    world.later(20 * DAY);
    assert!(world.evaluator.work(true).await);
    assert_eq!(world.taken(), [false, false], "the other saw it 20 days ago");
    world.later(11 * DAY);
    assert!(world.evaluator.work(true).await);
    assert_eq!(world.taken(), [false, true]);
    // What a silent device says is doubted: this one reports.
    world.report(other, "host-pc-02", &[]).await;
    world.carry(one, 1000, Some(1000)).await;
    assert_eq!(world.taken(), [false, false], "it is back, wherever");
}

#[tokio::test]
async fn a_stick_off_its_list_is_told_until_it_is_back() {
    let (mut world, one, other) = two_devices(Scope::Device("PC-01".to_owned())).await;
    world.carry(other, 1000, Some(1000)).await;
    assert_eq!(world.taken(), [false, true]);
    world.later(60);
    world.carry(one, 1000, Some(1000)).await;
    assert_eq!(world.taken(), [false, false]);
}

#[tokio::test]
async fn what_ours_wrote_is_no_alarm_and_what_another_machine_wrote_is_one() {
    let (mut world, one, other) = two_devices(Scope::All).await;
    world.carry(one, 1000, Some(5000)).await;
    world.later(60);
    world.carry(other, 5000, Some(7000)).await;
    world.later(60);
    world.carry(one, 7000, Some(7500)).await;
    assert_eq!(world.taken(), [false, false]);
    world.later(60);
    world.carry(other, 9000, None).await;
    assert_eq!(world.taken(), [false, false], "the first has not been heard of since: it may have written");
    world.later(60);
    world.report(one, "host-pc-01", &[]).await;
    assert!(world.evaluator.work(true).await);
    assert_eq!(world.taken(), [false, true]);
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_so_long_that_a_stick_would_be_lost_is_no_alarm() {
    // By the report, and by what came before: the clock was set right again until the report left.
    for now in [-60 * DAY, 0] {
        let (mut world, one, _) = two_devices(Scope::All).await;
        let stick = |seen| Medium {
            vendor_id: Some("0781".to_owned()),
            product_id: Some("5581".to_owned()),
            serial: Some("AA01".to_owned()),
            kind: MediumKind::Storage,
            seen,
            last_seen: (seen == MediumSeen::Record)
                .then(|| world.collector.clock.now() - SignedDuration::from_hours(24 * 60)),
            ..Medium::default()
        };
        let (present, gone) = (stick(MediumSeen::Present), stick(MediumSeen::Record));
        world.media_told(one, vec![present], now, -60 * DAY).await;
        world.media_told(one, vec![gone], now, -60 * DAY).await;
        assert!(world.evaluator.work(true).await);
        assert_eq!(world.taken(), [false, false], "nobody knows when it was");
        world.later(31 * DAY);
        world.report(one, "host-pc-01", &[]).await;
        assert!(world.evaluator.work(true).await);
        assert_eq!(world.taken(), [true, false], "since the collector heard of it 31 days are over");
    }
}
