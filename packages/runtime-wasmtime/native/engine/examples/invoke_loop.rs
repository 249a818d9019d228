//! The bare loop that `bench/` compares with: nanoseconds per fresh isolated call and per warm call of `add(i32, i32)`.
//!
//! `cargo run --release -p hotswap-engine --example invoke_loop -- [ITERATIONS]`

use hotswap_engine::{LoadOptions, Value, bench_fresh, bench_warm, load};

/// `(module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))`
const ADD: &[u8] = b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03add\0\0\x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let iterations = std::env::args().nth(1).map_or(Ok(200_000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let module = runtime.block_on(load(Some(ADD.into()), LoadOptions::default()))?;
    let args = [Value::I32(1), Value::I32(2)];
    let index = module.function_named("add")?;
    for _ in 0..3 {
        let fresh = bench_fresh(&module, index, &args, iterations)?;
        let warm = bench_warm(&module, index, &args, iterations.saturating_mul(10))?;
        println!("{{\"freshNs\":{fresh:.1},\"warmNs\":{warm:.1},\"iterations\":{iterations}}}");
    }
    Ok(())
}
