//! Ten years of certificates: each ends several times while the collector is off, machines lie in cupboards, and clocks
//! stand anywhere. Real handshakes between the agents' side and the collector's, on a calendar of our own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use daicho_agent::address::Address;
use daicho_agent::enrolment;
use daicho_agent::identity::Identity;
use daicho_agent::uplink::connection::connect;
use daicho_agent::uplink::trouble::Trouble;
use daicho_collector::admin::authority::Wanted;
use daicho_collector::admin::{Done, Order, carry_out};
use daicho_collector::authority::{Life, init, own};
use daicho_collector::clock::{Clock, SystemClock};
use daicho_collector::config::Config;
use daicho_collector::serve::{self, Running};
use daicho_collector::shelves::EndpointRow;
use daicho_collector::store::Batch;
use daicho_proto::endpoint::EndpointId;
use daicho_proto::wire::ReportRequest;
use daicho_proto::wire::intake_client::IntakeClient;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

const DAY: i64 = 86_400;
const DAYS: i64 = 3_652;

/// How often everybody is visited.
const STEP_DAYS: i64 = 3;

const MACHINES: usize = 6;

/// The configuration's own value.
const GRACE_DAYS: u32 = 180;
const LIFE_DAYS: u32 = 90;

/// A clock may be wrong by as much.
const WRONG_DAYS_MAX: i64 = 3_650;

/// The collector's clock: the true time and how wrong it is, both in seconds.
#[derive(Default)]
struct Calendar {
    truth: AtomicI64,
    wrong: AtomicI64,
}

impl Calendar {
    fn truth(&self) -> i64 {
        self.truth.load(Ordering::Relaxed)
    }
}

impl Clock for Calendar {
    fn now(&self) -> Timestamp {
        second(self.truth() + self.wrong.load(Ordering::Relaxed))
    }
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("within ten years")
}

/// Whether a certificate that ended then can no longer be renewed.
fn is_past_grace(life_until: Timestamp, now: Timestamp) -> bool {
    now > life_until + SignedDuration::from_hours(24 * i64::from(GRACE_DAYS))
}

/// Something that lasts until a day.
#[derive(Clone, Copy, Default)]
struct Spell {
    until_day: i64,
    seconds: i64,
}

struct Machine {
    identity: Identity,
    /// Switched off until that day.
    off: Spell,
    /// Its clock is wrong by so much until that day.
    wrong: Spell,
    /// When it was last there, or enrolled, while the collector's clock was right; true seconds.
    last_there: i64,
}

impl Machine {
    /// Whether it truly stayed away for longer than a third of a life and the grace: at its last visit it had, or was given,
    /// a certificate with so much left. Only then may a collector whose clock is right send it to a person; clocks that
    /// were wrong meanwhile are no reason.
    fn was_away_for_too_long(&self, truth: i64) -> bool {
        truth - self.last_there > (i64::from(LIFE_DAYS) / 3 + i64::from(GRACE_DAYS)) * DAY
    }
}

struct World {
    calendar: Arc<Calendar>,
    collector: Running,
    folder: TempDir,
    machines: Vec<Machine>,
    counts: BTreeMap<&'static str, u64>,
}

impl World {
    async fn begin() -> Self {
        let calendar = Arc::new(Calendar::default());
        calendar.truth.store(SystemClock.now().as_second(), Ordering::Relaxed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        init::make(folder.path(), calendar.now()).expect("an authority");
        let config = Config::parse("names = [\"localhost\"]\n", "test".as_ref(), folder.path());
        let mut config = config.expect("it is right");
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.telemetry.listen = None;
        assert_eq!(config.authority.grace_days, GRACE_DAYS);
        let collector = serve::start(folder.path(), config, Arc::clone(&calendar) as _).await;
        let collector = collector.expect("it serves");
        let mut world = World { calendar, collector, folder, machines: Vec::new(), counts: BTreeMap::new() };
        for number in 0..MACHINES {
            let machine = world.joined(number).await;
            world.machines.push(machine);
        }
        world
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// A machine that a person lets in, today.
    async fn joined(&self, number: usize) -> Machine {
        let house = &self.collector.house;
        let now = self.calendar.now();
        let id = EndpointId(uuid::Uuid::from_u64_pair(self.calendar.truth().unsigned_abs(), number as u64));
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key).expect("a request");
        let issued = house.authority.sign_endpoint(id, request.der(), now, LIFE_DAYS).expect("it is signed");
        let row = EndpointRow {
            certificates: vec![issued.serial.clone()],
            not_after: issued.not_after,
            newest_root: Some(house.authority.newest_root()),
            ..EndpointRow::joined(id, format!("pc-{number}"), now)
        };
        let mut batch = Batch::default();
        batch.put_endpoint(&row);
        house.collector.writer.commit(batch).await.expect("a temporary folder can be written");
        house.collector.gate.set_endpoint(&row);
        let mut chain = house.authority.chain(issued.certificate);
        chain.truncate(2);
        let address: Address =
            format!("localhost:{}", self.collector.address.port()).parse().expect("an address");
        let key = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let roots = house.authority.roots_to_give();
        let identity = Identity::new(id, address, chain, roots, key).expect("it fits");
        let last_there = self.calendar.truth();
        Machine { identity, off: Spell::default(), wrong: Spell::default(), last_there }
    }

    /// What the collector does by itself each hour.
    fn keep_certificates(&mut self) {
        let house = &self.collector.house;
        let (now, names) = (self.calendar.now(), &house.config.names);
        let rotated = house.authority.rotate_if_due(now).expect("the root's key is there");
        let renewed =
            own::renew_if_due(&self.collector.own, self.folder.path(), &house.authority, names, now);
        if rotated {
            self.count("issuing authorities");
        }
        if renewed.expect("it can be written") {
            self.count("certificates of the collector");
        }
    }

    /// One contact, as an agent makes it: a report; a new certificate where the collector says that the old one ended, or
    /// where a third of its life is left by the collector's clock.
    async fn visit(&mut self, number: usize, agent_clock: Timestamp) -> Result<(), Trouble> {
        let machine = &mut self.machines[number];
        let tls = machine.identity.tls(Arc::new(move || agent_clock)).expect("an identity that fits");
        let connection = connect(&machine.identity.collector, Arc::new(tls)).await?;
        let request =
            ReportRequest { incarnation: 1, agent_version: "0.1.0".to_owned(), ..ReportRequest::default() };
        let answer = IntakeClient::new(connection.channel.clone()).report(request).await;
        let is_due = match answer.map_err(|status| connection.trouble(&status)) {
            Ok(answer) => {
                let theirs = daicho_proto::time::from_wire(answer.get_ref().collector_time_us);
                machine.identity.life.is_to_be_renewed(theirs)
            }
            Err(Trouble::Refused { reason: Some(reason), .. }) if reason == "certificate_ended" => true,
            Err(trouble) => return Err(trouble),
        };
        if is_due {
            machine.identity = enrolment::renew(&connection, &machine.identity).await?;
            self.count("certificates of machines");
        }
        Ok(())
    }

    /// The new root signs, if everybody has it.
    async fn change_root(&self) -> bool {
        let finish = Wanted::FinishRoot { root_key: None, force: false };
        carry_out(&self.collector.house, Order::Authority(finish)).await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_ten_years_every_machine_comes_back_without_a_hand_but_those_past_the_grace_which_say_so() {
    let seed = std::env::var("DAICHO_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
    println!("seed {seed} (DAICHO_SEED)");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut world = World::begin().await;
    let began = world.calendar.truth();
    let (mut collector_off, mut collector_wrong) = (Spell::default(), Spell::default());
    let hundred_days_from = chance.i64(400..1_500);
    let (mut prepared, mut changed) = (false, false);
    for day in (0..DAYS / STEP_DAYS).map(|step| step * STEP_DAYS) {
        world.calendar.truth.store(began + day * DAY, Ordering::Relaxed);
        if (hundred_days_from..hundred_days_from + STEP_DAYS).contains(&day) {
            collector_off = Spell { until_day: day + 100, seconds: 0 };
        } else if chance.f64() < 0.01 && collector_off.until_day < day {
            collector_off = Spell { until_day: day + chance.i64(1..30), seconds: 0 };
        }
        if chance.f64() < 0.02 && collector_wrong.until_day < day {
            let seconds = chance.i64(-WRONG_DAYS_MAX..WRONG_DAYS_MAX) * DAY;
            collector_wrong = Spell { until_day: day + chance.i64(1..20), seconds };
            world.count("spells of the collector's clock");
        }
        let wrong = if collector_wrong.until_day > day { collector_wrong.seconds } else { 0 };
        world.calendar.wrong.store(wrong, Ordering::Relaxed);
        if collector_off.until_day > day {
            world.count("steps without a collector");
            continue;
        }
        world.keep_certificates();
        if day > DAYS / 3 && wrong == 0 && !prepared {
            let prepare = Order::Authority(Wanted::PrepareRoot);
            carry_out(&world.collector.house, prepare).await.expect("it is made");
            prepared = true;
        }
        if prepared && !changed && wrong == 0 {
            changed = world.change_root().await;
            world.keep_certificates();
        }
        for number in 0..MACHINES {
            let (truth, now) = (world.calendar.truth(), world.calendar.now());
            let machine = &mut world.machines[number];
            if chance.f64() < 0.01 && machine.off.until_day < day {
                machine.off = Spell { until_day: day + chance.i64(1..400), seconds: 0 };
            }
            if chance.f64() < 0.02 && machine.wrong.until_day < day {
                let seconds = chance.i64(-WRONG_DAYS_MAX..WRONG_DAYS_MAX) * DAY;
                machine.wrong = Spell { until_day: day + chance.i64(1..200), seconds };
            }
            if machine.off.until_day > day {
                continue;
            }
            let off_by = if machine.wrong.until_day > day { machine.wrong.seconds } else { 0 };
            let (clock, life) = (second(truth + off_by), machine.identity.life);
            let server = world.collector.own.certificate().and_then(|shown| Life::of(&shown));
            let server = server.expect("a certificate");
            let past_grace = is_past_grace(life.until, now);
            // Both clocks have been in the future: nothing tells this agent that the certificate is no old one.
            let both = clock > server.until && life.from > server.until;
            match world.visit(number, clock).await {
                Ok(()) => {
                    assert!(!past_grace, "day {day}, machine {number}: nothing lets in whose grace is over");
                    world.count("visits");
                    if wrong == 0 {
                        world.machines[number].last_there = truth;
                    }
                    if off_by != 0 || wrong != 0 {
                        world.count("visits with a wrong clock");
                    }
                }
                Err(Trouble::OwnExpired) if past_grace => {
                    world.count("past the grace, and said so");
                    if wrong == 0 {
                        let machine = &world.machines[number];
                        assert!(
                            machine.was_away_for_too_long(truth),
                            "day {day}, machine {number}: clocks alone locked it out, {life:?}"
                        );
                        // Somebody comes by.
                        let who = world.machines[number].identity.endpoint.to_string();
                        let revoke = Order::Revoke { who, reason: "it was away for too long".to_owned() };
                        carry_out(&world.collector.house, revoke).await.expect("it is known");
                        world.machines[number] = world.joined(number).await;
                        world.count("enrolled again");
                    }
                }
                Err(Trouble::Expired) if both => world.count("both clocks in the future"),
                Err(trouble) => panic!(
                    "day {day}, machine {number} with {life:?}, its clock {clock}, the collector's {now}: {trouble:?}"
                ),
            }
        }
    }
    // Every clock is right and every machine is on: everybody is there at once.
    world.calendar.wrong.store(0, Ordering::Relaxed);
    world.keep_certificates();
    let now = world.calendar.now();
    for number in 0..MACHINES {
        let past_grace = is_past_grace(world.machines[number].identity.life.until, now);
        let away = world.machines[number].was_away_for_too_long(world.calendar.truth());
        assert!(!past_grace || away, "machine {number}: clocks alone locked it out");
        let back = world.visit(number, now).await;
        assert_eq!(back.err(), past_grace.then_some(Trouble::OwnExpired), "machine {number}");
    }
    println!("ten years: {:#?}", world.counts);
    assert!(changed, "the root changed in the course of it");
    let status = carry_out(&world.collector.house, Order::Authority(Wanted::Status)).await;
    let Ok(Done::Authority(report)) = status else { panic!("{status:?}") };
    assert!(report.without_next_root.is_empty());
    world.collector.stop().await;
}
