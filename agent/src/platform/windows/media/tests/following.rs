//! What is told of media that come and go, out of notices in their order.

use std::collections::VecDeque;
use std::time::Duration;

use daicho_proto::facts::{MediumAction, MediumEvent};

use super::*;
use crate::platform::windows::media::follower::{self, Next, Notice, Notices};

/// Notices that were written beforehand, with what happens to the machine when each is taken.
struct Script<'a> {
    steps: VecDeque<(Next, Box<dyn FnOnce() + 'a>)>,
}

impl Notices for Script<'_> {
    fn next(&mut self, at_most: Option<Duration>) -> io::Result<Next> {
        // All that one batch takes in stands before a quiet moment.
        if at_most == Some(Duration::ZERO) && self.steps.front().is_none_or(|(next, _)| *next == Next::Quiet)
        {
            return Ok(Next::Quiet);
        }
        let Some((next, happens)) = self.steps.pop_front() else {
            return Err(io::Error::other("the end of the script"));
        };
        happens();
        Ok(next)
    }
}

fn link(instance: &str) -> String {
    format!("\\\\?\\{}#{{a5dcbf10-6530-11d2-901f-00c04fb951ed}}", instance.replace('\\', "#"))
}

fn came(instance: &str) -> Next {
    Next::Notice(Notice { is_usb: true, came: true, link: link(instance) })
}

fn left(instance: &str) -> Next {
    Next::Notice(Notice { is_usb: true, came: false, link: link(instance) })
}

/// What was told, by its subject and mounts.
fn told(
    machine: &Machine,
    answers: &Answers,
    steps: Vec<(Next, Box<dyn FnOnce() + '_>)>,
) -> Vec<MediumEvent> {
    let mut events = Vec::new();
    let see = || see(machine, Some(answers), now()).map(|seen| seen.snapshot);
    let known = |instance: &str| medium_of(machine, instance);
    let mut script = Script { steps: steps.into() };
    let ended = follower::follow(&mut script, &see, &known, &now, &mut |_, event| {
        events.push(event);
        true
    });
    assert_eq!(ended.unwrap_err().to_string(), "the end of the script");
    events
}

fn actions(events: &[MediumEvent]) -> Vec<MediumAction> {
    events.iter().map(|event| event.action).collect()
}

fn nothing<'a>() -> Box<dyn FnOnce() + 'a> {
    Box::new(|| {})
}

use MediumAction::{Arrived, Left, Mounted};

#[test]
fn a_stick_arrives_mounted_and_leaves_once_each() {
    let (machine, answers) = (machine(""), with_stick());
    answers.present.borrow_mut().clear();
    let comes = || answers.present.borrow_mut().push(STICK.to_owned());
    let goes = || answers.present.borrow_mut().clear();
    let events = told(
        &machine,
        &answers,
        vec![
            (came(STICK), Box::new(comes)),
            (Next::Quiet, nothing()),
            (Next::Quiet, nothing()),
            (left(STICK), nothing()),
            // Windows shows it for another moment.
            (Next::Quiet, Box::new(goes)),
            (Next::Quiet, nothing()),
        ],
    );
    assert_eq!(actions(&events), [Arrived, Mounted, Left]);
    assert_eq!(events[0].medium.subject(), "0781:5581:4C530001120523107384");
    assert_eq!(events[1].medium.mounts, ["F:"]);
    assert_eq!(events[2].medium.mounts, Vec::<String>::new());
}

#[test]
fn a_stick_that_is_pulled_before_anybody_looked_is_told_with_its_serial_number() {
    let (machine, answers) = (machine(""), Answers::default());
    let steps = vec![(came(STICK), nothing()), (left(STICK), nothing()), (Next::Quiet, nothing())];
    let events = told(&machine, &answers, steps);
    assert_eq!(actions(&events), [Arrived, Left]);
    assert_eq!(events[0].medium.subject(), "0781:5581:4C530001120523107384");
}

#[test]
fn a_stick_that_is_gone_between_notice_and_look_is_told_when_its_leaving_is() {
    let (machine, answers) = (machine(""), Answers::default());
    let steps = vec![(came(STICK), nothing()), (Next::Quiet, nothing()), (left(STICK), nothing())];
    assert_eq!(actions(&told(&machine, &answers, steps)), [Arrived, Left]);
}

#[test]
fn pulled_and_plugged_again_is_two_uses() {
    let (machine, answers) = (machine(&used_in_march()), with_stick());
    let steps = vec![(left(STICK), nothing()), (came(STICK), nothing()), (Next::Quiet, nothing())];
    let events = told(&machine, &answers, steps);
    assert_eq!(actions(&events), [Left, Arrived, Mounted]);
    // What the registry says is of the use before.
    assert_eq!(events[1].medium.first_seen, None);
}

#[test]
fn lost_notices_are_made_good_by_a_look_and_a_keyboard_is_no_medium() {
    let (machine, answers) = (machine(""), with_stick());
    answers.present.borrow_mut().clear();
    let comes = || answers.present.borrow_mut().push(STICK.to_owned());
    let keyboard = "USB\\VID_0E0F&PID_0003\\6&30c8ca5f&0&5";
    let types = || answers.present.borrow_mut().push(keyboard.to_owned());
    let steps: Vec<(Next, Box<dyn FnOnce()>)> = vec![
        (came(keyboard), Box::new(types)),
        (Next::Quiet, nothing()),
        (left(keyboard), nothing()),
        (Next::Lost, Box::new(comes)),
    ];
    assert_eq!(actions(&told(&machine, &answers, steps)), [Arrived, Mounted]);
}

#[test]
fn what_was_there_before_does_not_arrive_and_following_ends_when_it_is_told_to() {
    let (machine, answers) = (machine(""), with_stick());
    assert_eq!(told(&machine, &answers, vec![(Next::Lost, nothing()), (Next::Quiet, nothing())]), []);
    let see = || see(&machine, Some(&answers), now()).map(|seen| seen.snapshot);
    let mut script = Script { steps: VecDeque::from([(left(STICK), nothing())]) };
    follower::follow(&mut script, &see, &|_| None, &now, &mut |_, _| false).unwrap();
}

#[test]
fn a_device_of_several_functions_is_told_by_what_these_are() {
    let bare = REGISTRY.replace("&PID_4EE2&MI_", "&PID_4EE9&MI_");
    let mut machine = machine("");
    machine.registry = Box::new(TextRegistry::parse(&bare));
    let phone = "USB\\VID_18D1&PID_4EE2\\9A241FFAZ001XK";
    let answers = Answers::default();
    let comes = || answers.present.borrow_mut().push(phone.to_owned());
    let soon = vec![(came(phone), Box::new(comes) as Box<dyn FnOnce()>), (Next::Quiet, nothing())];
    assert_eq!(actions(&told(&machine, &answers, soon)), []);
    answers.present.borrow_mut().clear();
    let comes = || answers.present.borrow_mut().push(phone.to_owned());
    let mut late = vec![(came(phone), Box::new(comes) as Box<dyn FnOnce()>)];
    late.extend((0..3).map(|_| (Next::Quiet, nothing())));
    let events = told(&machine, &answers, late);
    assert_eq!(actions(&events), [Arrived]);
    assert_eq!(events[0].medium.kind, MediumKind::Other);
}
