//! Answers every kind of WIT value as it came in, bit by bit: 64-bit integers and the payloads of NaNs included.

#[allow(missing_docs, reason = "generated from the WIT, which carries the documentation")]
mod bindings {
    wit_bindgen::generate!({ world: "typed-rust", path: "../../typed/world.wit" });
}

use std::cell::Cell;

use bindings::Guest;
use bindings::exports::hotswap::typed::echo::{
    Color, Counter, CounterBorrow, DivideError, Guest as Echo, GuestCounter, ManyFlags, Nested,
    Permissions, Person, Point, Shape,
};
use bindings::exports::hotswap::typed::ownership::Guest as Ownership;

struct Typed;

struct Count(Cell<u32>);

impl GuestCounter for Count {
    fn new(start: u32) -> Self {
        Self(Cell::new(start))
    }

    fn increment(&self, by: u32) -> u32 {
        self.0.set(self.0.get().wrapping_add(by));
        self.0.get()
    }

    fn value(&self) -> u32 {
        self.0.get()
    }

    fn parse(text: String) -> Result<Counter, String> {
        match text.parse() {
            Ok(start) if text.len() <= 9 && !text.starts_with('+') => Ok(Counter::new(Self::new(start))),
            _ => Err(format!("not a count: {text}")),
        }
    }
}

/// One function that answers its argument, for each name and type.
macro_rules! echoes {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(fn $name(value: $type) -> $type { value })*
    };
}

impl Echo for Typed {
    type Counter = Count;

    echoes! {
        echo_bool: bool, echo_u8: u8, echo_u16: u16, echo_u32: u32, echo_u64: u64,
        echo_s8: i8, echo_s16: i16, echo_s32: i32, echo_s64: i64, echo_f32: f32, echo_f64: f64,
        echo_char: char, echo_string: String,
        echo_list_u8: Vec<u8>, echo_list_u32: Vec<u32>, echo_list_u64: Vec<u64>,
        echo_list_f32: Vec<f32>, echo_list_f64: Vec<f64>, echo_list_bool: Vec<bool>,
        echo_list_string: Vec<String>, echo_list_record: Vec<Point>,
        echo_record: Person, echo_tuple: (u8, String, f64), echo_variant: Shape, echo_enum: Color,
        echo_flags: Permissions, echo_many_flags: ManyFlags,
        echo_option: Option<String>, echo_option_option: Option<Option<u32>>,
        echo_nested: Nested, echo_results: Vec<Result<u32, String>>, echo_result: Result<String, u32>,
    }

    fn divide(dividend: i32, divisor: i32) -> Result<(i32, i32), DivideError> {
        if divisor == 0 {
            return Err(DivideError::DivideByZero);
        }
        let quotient = dividend.checked_div(divisor).ok_or(DivideError::Overflow)?;
        Ok((quotient, dividend % divisor))
    }

    fn check(ok: bool) -> Result<(), ()> {
        if ok { Ok(()) } else { Err(()) }
    }

    fn nothing() {}

    fn many_parameters(a: u8, b: i16, c: f32, d: String, e: Vec<u8>, f: Option<u32>, g: Color) -> String {
        let bytes = e.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
        let option = f.map_or_else(|| "none".to_owned(), |value| value.to_string());
        let color = match g {
            Color::Red => "red",
            Color::Green => "green",
            Color::DeepBlue => "deep-blue",
        };
        format!("{a}|{b}|{c}|{d}|{bytes}|{option}|{color}")
    }

    fn read_counter(counter: CounterBorrow<'_>) -> u32 {
        counter.get::<Count>().value()
    }
}

impl Ownership for Typed {
    fn consume_counter(counter: Counter) -> u32 {
        counter.into_inner::<Count>().value()
    }
}

impl Guest for Typed {
    fn health_check() -> String {
        "OK".to_owned()
    }
}

bindings::export!(Typed with_types_in bindings);
