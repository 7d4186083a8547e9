//! The agent's side of the talk, as `agent/src/uplink.rs` has it: first a question, then what waits, oldest first.

use std::time::Duration;

use daicho_agent::spool::{Settled, SpoolError};
use daicho_agent::uplink::trouble::Trouble;
use daicho_collector::clock::Clock as _;
use daicho_proto::time::to_wire;
use daicho_proto::wire::ReportRequest;
use tonic::Status;

use super::happening::Happening;
use super::machine::Line;
use super::world::{World, fresh, micros};

/// Observations and bytes of one report: few, so that one outage takes many of them.
const BATCH: (usize, usize) = (2_048, 4);

/// An answer that is later than this is not waited for: the agent's own limit.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// The agent's own.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(900);

impl World {
    /// The uplink of a machine does the next thing, unless it waits for an answer.
    pub(crate) fn speak(&mut self, number: usize) {
        let reachable = self.house.is_up() && !self.machines[number].cut_off;
        let Some(life) = &self.machines[number].life else { return };
        match life.line {
            Line::Waiting { .. } => {}
            Line::Down if !reachable => {
                self.trouble(number, &Trouble::Unreachable("no connection".to_owned()));
            }
            Line::Down => self.say(number, false),
            Line::Calm => self.say(number, true),
        }
    }

    /// Says what waits, or that nothing does: a question, too.
    fn say(&mut self, number: usize, batch: bool) {
        let now = self.machines[number].clock.now();
        let formed = self.machines[number].operate(&mut self.chance, |keeper| {
            let spool = keeper.spool()?;
            Some((spool.incarnation(), batch.then(|| spool.pending(BATCH.0, BATCH.1))))
        });
        let Some(formed) = formed else { return self.died(number) };
        let Some((incarnation, pending)) = formed else {
            return self.trouble(number, &Trouble::Failed("its own spool cannot be opened".to_owned()));
        };
        let (incarnation, observations) = match pending {
            None => (incarnation, Vec::new()),
            Some(Ok(Some(batch))) => (batch.incarnation, batch.observations),
            Some(Ok(None)) => {
                let timer = self.new_timer(number);
                let life = self.machines[number].lives;
                return self
                    .after(SIGN_OF_LIFE_EVERY, Happening::SignOfLife { machine: number, life, timer });
            }
            Some(Err(error)) => return self.spool_failed(number, &error),
        };
        let sent = observations.len();
        let request = ReportRequest {
            incarnation,
            observations,
            agent_time_us: to_wire(now),
            agent_version: "0.1.0".to_owned(),
            ..ReportRequest::default()
        };
        self.send(number, &request);
        let named = self.requests;
        let life = self.machines[number].lives;
        if let Some(alive) = &mut self.machines[number].life {
            alive.line = Line::Waiting { request: named, sent, incarnation };
        }
        self.after(REQUEST_TIME_MAX, Happening::TooLate { machine: number, life, request: named });
    }

    /// Nothing waits, and it is time to say so.
    pub(crate) fn sign_of_life(&mut self, number: usize) {
        self.say(number, false);
    }

    /// The collector answered the request that is waited for.
    pub(crate) fn hear(&mut self, number: usize, answer: Result<u64, Status>) {
        let now = self.machines[number].clock.now();
        let Some(Line::Waiting { sent, .. }) = self.machines[number].life.as_ref().map(|life| life.line)
        else {
            return;
        };
        let durable_to = match answer {
            Ok(durable_to) => durable_to,
            Err(status) => return self.trouble(number, &Trouble::of_status(&status)),
        };
        let settled = self.machines[number].operate(&mut self.chance, |keeper| {
            keeper.spool().map(|spool| spool.settle(durable_to, fresh(), now))
        });
        let Some(settled) = settled else { return self.died(number) };
        match settled {
            None => return self.trouble(number, &Trouble::Failed("its own spool is gone".to_owned())),
            Some(Err(error)) => return self.spool_failed(number, &error),
            Some(Ok(Settled::Acknowledged(0))) if sent > 0 => {
                return self.trouble(number, &Trouble::Failed("none was taken".to_owned()));
            }
            Some(Ok(Settled::Acknowledged(_))) => {}
            Some(Ok(unfit)) => {
                self.note(|| format!("{number} begins a new incarnation: {unfit:?}"));
                self.look_soon(number, 0);
            }
        }
        if let Some(life) = &mut self.machines[number].life {
            life.line = Line::Calm;
            life.backoff.reset();
        }
        self.speak(number);
    }

    /// Something went wrong; another attempt comes when the agent's backoff says so.
    pub(crate) fn trouble(&mut self, number: usize, trouble: &Trouble) {
        self.note(|| format!("{number} has trouble: {trouble:?}"));
        let chance = self.chance.f64();
        let Some(alive) = &mut self.machines[number].life else { return };
        alive.line = Line::Down;
        let wait = alive.backoff.wait(trouble.pace(), chance);
        let timer = self.new_timer(number);
        let life = self.machines[number].lives;
        self.at(self.now() + micros(wait), Happening::Again { machine: number, life, timer });
    }

    fn spool_failed(&mut self, number: usize, error: &SpoolError) {
        let now = self.machines[number].clock.now();
        if self.machines[number].operate(&mut self.chance, |keeper| keeper.failed(error, now)).is_none() {
            return self.died(number);
        }
        self.trouble(number, &Trouble::Failed("its own spool cannot be read".to_owned()));
    }

    fn new_timer(&mut self, number: usize) -> u64 {
        let life = self.machines[number].life.as_mut().expect("it speaks");
        life.timer += 1;
        life.timer
    }
}
