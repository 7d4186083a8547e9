//! A purse that earns so much each second, up to what it holds (pure: time arrives as an argument).

use std::time::Duration;

use tokio::time::Instant;

/// What a purse earns and holds.
#[derive(Clone, Copy, Debug)]
pub(in crate::grpc) struct Rate {
    /// Earned each second.
    pub(in crate::grpc) each_second: f64,
    /// Held at most, and from the beginning.
    pub(in crate::grpc) at_once: f64,
}

/// A purse. A new one is full.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::grpc) struct Purse {
    spent: f64,
    at: Option<Instant>,
}

impl Purse {
    /// Pays one, or says after how long it could.
    pub(in crate::grpc) fn pay(&mut self, rate: &Rate, now: Instant) -> Result<(), Duration> {
        self.spent = self.spent_at(rate, now);
        self.at = Some(now);
        if self.spent + 1.0 > rate.at_once {
            let missing = self.spent + 1.0 - rate.at_once;
            return Err(Duration::from_secs_f64(missing / rate.each_second));
        }
        self.spent += 1.0;
        Ok(())
    }

    /// Whether it is as good as new: nothing is lost when it is forgotten.
    pub(in crate::grpc) fn is_full(&self, rate: &Rate, now: Instant) -> bool {
        self.spent_at(rate, now) <= 0.0
    }

    fn spent_at(&self, rate: &Rate, now: Instant) -> f64 {
        let since = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        (self.spent - since.as_secs_f64() * rate.each_second).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { each_second: 2.0, at_once: 4.0 };

    #[test]
    fn a_purse_pays_what_it_holds_and_then_what_it_earns() {
        let (mut purse, now) = (Purse::default(), Instant::now());
        assert_eq!((0..9).filter(|_| purse.pay(&RATE, now).is_ok()).count(), 4);
        assert_eq!(purse.pay(&RATE, now), Err(Duration::from_millis(500)));
        assert!(purse.pay(&RATE, now + Duration::from_millis(500)).is_ok());
        assert!(!purse.is_full(&RATE, now + Duration::from_secs(1)));
        assert!(purse.is_full(&RATE, now + Duration::from_secs(3)));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_earns_nothing() {
        let (mut purse, now) = (Purse::default(), Instant::now() + Duration::from_secs(9));
        while purse.pay(&RATE, now).is_ok() {}
        assert!(purse.pay(&RATE, now).is_err());
        assert!(purse.pay(&RATE, now - Duration::from_secs(5)).is_err());
    }
}
