/** A text of other people that stays on its line: a line end in it would begin a row, or an entry, that nobody wrote. @internal */
export const oneLine = (text: string): string => text.replaceAll('\n', '\\u{a}');
