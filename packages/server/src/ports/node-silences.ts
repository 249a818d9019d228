/** A node that has fallen silent, or is heard of again. @internal */
export interface NodeSilence {
  readonly tenant: string;
  readonly nodeId: string;
  readonly kind: 'silent' | 'heard';
  readonly silentForMs: number;
}

/** Notes turns of nodes, each once, with an act and a message. @internal */
export interface NodeSilences {
  turn(
    unhealthyAfterMs: number,
    wording: (silence: NodeSilence) => { readonly text: string; readonly severity: 'info' | 'warning' | 'critical' },
  ): Promise<readonly NodeSilence[]>;
}
