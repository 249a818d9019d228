/** A compatible release: everything 1.0.0 exports, unchanged, and one function more. */
export function add(left: i32, right: i32): i32 {
  return left + right;
}

/** Adds and stays at the largest or smallest i32 where `add` would wrap around. */
export function add_saturating(left: i32, right: i32): i32 {
  const sum = <i64>left + <i64>right;
  return <i32>min<i64>(max<i64>(sum, i32.MIN_VALUE), i32.MAX_VALUE);
}

/** A core module says that it is well with 1: here only if both sums are right. */
export function health_check(): i32 {
  return <i32>(add(2, 2) == 4 && add_saturating(i32.MAX_VALUE, 1) == i32.MAX_VALUE);
}
