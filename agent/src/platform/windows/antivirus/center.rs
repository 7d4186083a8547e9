//! What Security Center says of the products that registered with it.

use daicho_proto::facts::Antivirus;

use super::super::reading::Reading;
use super::super::registry::Hive;

const PROVIDERS: &str = "Microsoft\\Security Center\\Provider\\Av";

/// Under which Microsoft's own product is registered.
const MICROSOFTS: &str = "{d68ddc3a-831f-4fae-9e44-da132c1acf46}";

/// Products that are told: one or two register, and a hostile program may register many.
const PRODUCTS_MAX: usize = 32;

/// One registered product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Registered {
    /// As the product calls itself.
    pub(in super::super) name: String,
    /// In braces.
    pub(in super::super) guid: String,
    /// Whether it watches now.
    pub(in super::super) running: Option<bool>,
    /// Whether it says that its patterns are new enough.
    pub(in super::super) current: Option<bool>,
}

impl Registered {
    pub(super) fn is_microsofts(&self) -> bool {
        self.guid.eq_ignore_ascii_case(MICROSOFTS)
            || ["Windows Defender", "Microsoft Defender Antivirus"].contains(&self.name.as_str())
    }

    pub(super) fn told(&self) -> Antivirus {
        Antivirus {
            product: self.name.clone(),
            running: self.running,
            patterns_current: self.current,
            ..Antivirus::default()
        }
    }
}

/// Security Center's own record of its list, which Windows 8 and later keep. `None`: there is none. The state in it is of
/// the last change and of no documented form, so what runs is left unknown.
pub(super) fn recorded(reading: &mut Reading<'_>) -> Option<Vec<Registered>> {
    let mut guids = reading.keys(&Hive::Software, PROVIDERS)?;
    if guids.len() > PRODUCTS_MAX {
        reading.problems.push(format!(
            "more than {PRODUCTS_MAX} products are registered with Security Center; the rest is not told"
        ));
        guids.truncate(PRODUCTS_MAX);
    }
    let mut products = Vec::new();
    for guid in guids {
        let path = format!("{PROVIDERS}\\{guid}");
        let name = reading.text(&Hive::Software, &path, "DISPLAYNAME").unwrap_or_else(|| guid.clone());
        products.push(Registered { name, guid, running: None, current: None });
    }
    Some(products)
}
