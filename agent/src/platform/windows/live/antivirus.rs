//! Security Center's list of products, by its documented interface, and which services run.

use std::collections::BTreeMap;
use std::time::Duration;

use windows::Win32::System::SecurityCenter::{
    IWSCProductList, IWscProduct, WSC_SECURITY_PRODUCT_STATE_ON, WSC_SECURITY_PRODUCT_UP_TO_DATE,
    WSC_SECURITY_PROVIDER_ANTIVIRUS, WSCProductList,
};

use super::com::Com;
use super::limited::within;
use super::services::states;
use crate::platform::windows::antivirus::{Registered, Running};

/// Security Center answers at once; where its service hangs, it never does.
const CENTER_LIMIT: Duration = Duration::from_secs(20);

/// Products that are told: one or two register, and a hostile program may register many.
const PRODUCTS_MAX: i32 = 32;

/// Asks for everything; what is not answered is told. A server has no Security Center.
pub(in crate::platform::windows) fn ask(client: bool, services: &[String]) -> Running {
    let center = if client {
        within(CENTER_LIMIT, "Security Center", || list().map_err(|error| error.to_string()))
    } else {
        Err("a server has no Security Center".to_owned())
    };
    let mut problems = Vec::new();
    let services = states(services).unwrap_or_else(|error| {
        problems.push(format!(
            "the service control manager did not tell whether antivirus products run: {}",
            error.message()
        ));
        BTreeMap::new()
    });
    Running { center, services, problems }
}

fn list() -> windows::core::Result<Vec<Registered>> {
    let com = Com::begin()?;
    let list: IWSCProductList = com.make(&WSCProductList)?;
    #[expect(unsafe_code, reason = "Security Center's list is a COM object")]
    // SAFETY: the object is made for this thread and lives until the end of the block; nothing but numbers goes in.
    let count = unsafe {
        list.Initialize(WSC_SECURITY_PROVIDER_ANTIVIRUS)?;
        list.Count()?
    };
    let mut products = Vec::new();
    for index in 0..count.clamp(0, PRODUCTS_MAX) {
        #[expect(unsafe_code, reason = "Security Center's list is a COM object")]
        // SAFETY: as above; the index is below the count that the object gave.
        let product = unsafe { list.get_Item(index.cast_unsigned()) }?;
        products.push(describe(&product)?);
    }
    Ok(products)
}

fn describe(product: &IWscProduct) -> windows::core::Result<Registered> {
    #[expect(unsafe_code, reason = "a product is a COM object")]
    // SAFETY: the object is alive, and each function only answers.
    unsafe {
        Ok(Registered {
            name: product.ProductName()?.to_string(),
            // Windows 8 knows no identity of a product; its name is then what it is known by.
            guid: product.ProductGuid().map(|guid| guid.to_string()).unwrap_or_default(),
            running: Some(product.ProductState()? == WSC_SECURITY_PRODUCT_STATE_ON),
            current: Some(product.SignatureStatus()? == WSC_SECURITY_PRODUCT_UP_TO_DATE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_not_there_is_told() {
        let running = ask(true, &["no such service".to_owned()]);
        assert!(running.services.is_empty() && running.problems.is_empty(), "{running:?}");
        assert!(ask(false, &[]).center.is_err());
    }
}
