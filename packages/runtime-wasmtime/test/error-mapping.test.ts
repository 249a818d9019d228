import { describe, expect, it } from 'vitest';
import { runtimeErrorCodes } from '../src/error-codes.ts';
import { codeOfNative, mapNativeError } from '../src/map-native-error.ts';
import { valueToJson } from '../src/value-to-json.ts';

describe('mapNativeError', () => {
  it('maps every native code to a code of the table', () => {
    for (const code of Object.values(codeOfNative)) expect(runtimeErrorCodes).toHaveProperty(code);
  });

  it('keeps the details and fills the message with them', () => {
    const error = mapNativeError({
      code: 'TRAP',
      message: 'wasm trap',
      detailsJson: '{"trap":"unreachable","frames":[{"functionIndex":1}]}',
    });
    expect(error).toMatchObject({
      code: 'HS_RUNTIME_TRAP',
      message: 'The module trapped: unreachable',
      details: { frames: [{ functionIndex: 1 }] },
      httpStatus: 422,
    });
  });

  it('gives the guest error as JSON in the details and raw as the cause', () => {
    const payload = { tag: 'low', val: 2n ** 60n };
    const error = mapNativeError({ code: 'GUEST_ERROR', message: '', payload });
    expect(error.details['payload']).toEqual({ tag: 'low', val: '1152921504606846976' });
    expect(error.cause).toBe(payload);
  });

  it('leaves the folders of this machine out', () => {
    const error = mapNativeError({
      code: 'CACHE_UNUSABLE',
      message: 'writable by others',
      detailsJson: '{"directory":"/home/someone","reason":"writable by others"}',
    });
    expect(JSON.stringify([error.message, error.details])).not.toContain('/home');
  });

  it('keeps the path of an argument', () => {
    expect(
      mapNativeError({
        code: 'INVALID_ARGUMENT',
        message: 'm',
        detailsJson: '{"path":"args[0].x","expected":"a number"}',
      }).message,
    ).toBe('args[0].x is not valid: expected a number');
  });

  it('turns anything else into HS_RUNTIME_INTERNAL', () => {
    for (const thrown of [new TypeError('odd'), 'text', undefined, { code: 'toString' }])
      expect(mapNativeError(thrown).code).toBe('HS_RUNTIME_INTERNAL');
  });
});

describe('valueToJson', () => {
  it('has a JSON form for every kind of value', () => {
    const value = {
      small: 5n,
      large: 2n ** 63n,
      nan: NaN,
      bytes: new Uint8Array([1, 2]),
      floats: new Float64Array([1.5]),
      none: undefined,
      list: [true, 'x'],
    };
    expect(valueToJson(value)).toEqual({
      small: 5,
      large: '9223372036854775808',
      nan: 'NaN',
      bytes: 'AQI=',
      floats: [1.5],
      none: null,
      list: [true, 'x'],
    });
  });
});
