import { describe, expect, it } from 'vitest';
import type { WitType } from '../binding.d.ts';
import { runtimeError } from '../src/error-codes.ts';
import { HostResources } from '../src/host-resources.ts';
import { InstanceResources, argumentMapper } from '../src/instance-resources.ts';

class Thing implements Disposable {
  disposed = 0;

  [Symbol.dispose](): void {
    this.disposed += 1;
  }
}

const own: WitType = { kind: 'own', resource: 'thing', host: true };
const borrow: WitType = { kind: 'borrow', resource: 'thing', host: true };
const mappers = [own, borrow].map(argumentMapper);

function setup(): { host: HostResources; instance: InstanceResources; given: Thing; lent: Thing } {
  const host = new HostResources();
  return { host, instance: new InstanceResources(host), given: new Thing(), lent: new Thing() };
}

describe('objects of the host among the arguments of a call', () => {
  it('are held while it runs, and those given away until the instance is gone', () => {
    const { host, instance, given, lent } = setup();
    const call = instance.handIn([given, lent], mappers);
    expect(call.args).toEqual([{ $resource: [0xffff_ffff, 1, 0] }, { $resource: [0xffff_ffff, 2, 0] }]);
    expect(host.size).toBe(2);
    call.sent();
    call.end();
    expect(host.size).toBe(1);
    instance.close();
    expect([host.size, given.disposed, lent.disposed]).toEqual([0, 1, 0]);
  });

  it('are let go when a later argument is none', () => {
    const { host, instance, given } = setup();
    expect(() => instance.handIn([given, 'no object'], mappers)).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_INVALID_ARGUMENT' }),
    );
    const list = [argumentMapper({ kind: 'list', element: own })];
    expect(() => instance.handIn([[given, 7]], list)).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_INVALID_ARGUMENT' }),
    );
    expect(host.size).toBe(0);
    instance.close();
    expect(given.disposed).toBe(0);
  });

  it('are the caller’s again when the call is refused, or fails before its guest is entered', () => {
    const { host, instance, given, lent } = setup();
    instance.handIn([given, lent], mappers).end(runtimeError('HS_RUNTIME_QUEUE_FULL', {}));
    expect(host.size).toBe(0);
    const late = instance.handIn([given, lent], mappers);
    late.sent();
    late.end(runtimeError('HS_RUNTIME_TIMEOUT', { argumentsReturned: true }));
    expect(host.size).toBe(0);
    instance.close();
    expect([given.disposed, lent.disposed]).toEqual([0, 0]);
  });

  it('go with the instance when the guest had them, also when it is closed before the call has ended', () => {
    const { host, instance, given, lent } = setup();
    const failed = instance.handIn([given, lent], mappers);
    failed.sent();
    failed.end(runtimeError('HS_RUNTIME_TRAP', {}));
    const [running, waiting] = [new Thing(), new Thing()];
    const calls = [running, waiting].map((thing) => instance.handIn([thing, lent], mappers));
    for (const call of calls) call.sent();
    instance.close();
    expect(given.disposed).toBe(1);
    calls[0]?.end(runtimeError('HS_RUNTIME_CANCELLED', {}));
    calls[1]?.end(runtimeError('HS_RUNTIME_STALE_HANDLE', { argumentsReturned: true }));
    expect([running, waiting, given, lent].map(({ disposed }) => disposed)).toEqual([1, 0, 1, 0]);
    expect(host.size).toBe(0);
  });

  it('are not remembered once the guest has dropped them', () => {
    const { host, instance } = setup();
    for (let turn = 1; turn <= 1_000; turn += 1) {
      const thing = new Thing();
      const call = instance.handIn([thing, thing], mappers);
      call.sent();
      call.end();
      host.drop(2 * turn - 1);
      expect(thing.disposed).toBe(1);
    }
    expect(host.size).toBe(0);
  });
});
