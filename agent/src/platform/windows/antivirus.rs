//! Antivirus products: Microsoft's own from its registry, the others from Security Center, or by the services of products
//! that are known. Security Center is a client's: on a server another product can be there and not be seen.

use std::collections::BTreeMap;

use daicho_proto::facts::{Antivirus, Look};

use super::Machine;
use super::reading::Reading;
use super::registry::Hive;

mod center;
mod defender;
mod vendors;

pub(super) use center::Registered;

/// What only the running machine tells.
#[derive(Debug)]
pub(super) struct Running {
    /// What Security Center's list says; `Err` tells why it did not answer.
    pub(super) center: Result<Vec<Registered>, String>,
    /// Of the services that were asked for: whether each runs; those that are not installed are left out.
    pub(super) services: BTreeMap<String, bool>,
    pub(super) problems: Vec<String>,
}

impl Default for Running {
    fn default() -> Self {
        Running { center: Err(String::new()), services: BTreeMap::new(), problems: Vec::new() }
    }
}

/// Looks at the machine.
pub(super) fn look(machine: &Machine) -> Look<Vec<Antivirus>> {
    let mut reading = Reading::of(machine);
    let client = is_client(&mut reading);
    let vendors = vendors::installed(&mut reading);
    let mut services = vendors.iter().map(|(service, _)| service.clone()).collect::<Vec<_>>();
    services.extend(defender::SERVICES.iter().map(|&service| service.to_owned()));
    let running = machine.live.then(|| ask(client, &services));
    see(reading, client, &vendors, running)
}

#[cfg(windows)]
fn ask(client: bool, services: &[String]) -> Running {
    super::live::antivirus::ask(client, services)
}

#[cfg(not(windows))]
fn ask(_: bool, _: &[String]) -> Running {
    Running::default()
}

fn is_client(reading: &mut Reading<'_>) -> bool {
    let kind = reading.text(&Hive::System, "CurrentControlSet\\Control\\ProductOptions", "ProductType");
    // Without a word the installation type decides; a client is the rule.
    let installation = "Microsoft\\Windows NT\\CurrentVersion";
    match kind {
        Some(kind) => kind.eq_ignore_ascii_case("WinNT"),
        None => reading
            .text(&Hive::Software, installation, "InstallationType")
            .is_none_or(|kind| kind.eq_ignore_ascii_case("Client")),
    }
}

fn see(
    mut reading: Reading<'_>,
    client: bool,
    vendors: &[(String, &'static str)],
    running: Option<Running>,
) -> Look<Vec<Antivirus>> {
    let live = running.is_some();
    let Running { center, services, problems } = running.unwrap_or_default();
    reading.problems.extend(problems);
    let recorded = center::recorded(&mut reading);
    // What the list does not answer, its record tells, which has no word on what runs now.
    let (registered, unasked) = match (center, recorded) {
        (Ok(list), _) => (Some(list), None),
        (Err(reason), Some(recorded)) => (Some(recorded), live.then_some(reason)),
        (Err(reason), None) => (None, live.then_some(reason)),
    };
    let own = registered.iter().flatten().find(|product| product.is_microsofts());
    let mut products = defender::look(&mut reading, live.then_some(&services), own);
    let others = registered.iter().flatten().filter(|product| !product.is_microsofts());
    products.extend(others.map(Registered::told));
    if products.iter().all(|product| product.product == defender::NAME) {
        // Without Security Center's word a product is known by its service. Some have two.
        let mut found: BTreeMap<&str, Option<bool>> = BTreeMap::new();
        for (service, product) in vendors {
            let runs = services.get(service).copied().filter(|_| live);
            let known = found.entry(product).or_default();
            *known = (*known).max(runs);
        }
        products.extend(found.into_iter().map(|(product, running)| Antivirus {
            product: product.to_owned(),
            running,
            ..Antivirus::default()
        }));
    }
    if products.iter().all(|product| product.running != Some(true)) {
        if !client {
            reading.problems.push(
                "a Windows server has no Security Center, so whether another antivirus product watches is not seen: check \
                 the product on the server itself"
                    .to_owned(),
            );
        } else if let Some(reason) = unasked.filter(|reason| !reason.is_empty()) {
            reading.problems.push(format!("Security Center did not list the antivirus products: {reason}"));
        } else if registered.is_none() {
            reading.problems.push(
                "the registry has no record of Security Center, so whether another antivirus product is installed is not \
                 seen"
                    .to_owned(),
            );
        }
    }
    reading.finish(products)
}

#[cfg(test)]
mod tests;
