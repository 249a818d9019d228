/** The smallest useful core module: no memory, no imports, one sum. */
export function add(left: i32, right: i32): i32 {
  return left + right;
}

/** A core module says that it is well with 1. */
export function health_check(): i32 {
  return 1;
}
