//! Compiles the schemas with protox, so that no protoc has to be installed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let schemas = ["facts", "intake", "enrolment", "query", "bookkeeping", "report", "swaps", "applications"]
        .map(|name| format!("schema/daicho/v1/{name}.proto"));
    for schema in &schemas {
        println!("cargo:rerun-if-changed={schema}");
    }
    let descriptors = protox::compile(&schemas, ["schema"])?;
    tonic_prost_build::configure().codec_path("crate::codec::Careful").compile_fds(descriptors)?;
    Ok(())
}
