/** Somebody or something that may call the API. @internal */
export interface CredentialRecord {
  readonly tenant: string;
  readonly subject: string;
  readonly role: string;
}

/** Credentials of people and programs. @internal */
export interface Credentials {
  /** Makes or replaces a credential with a secret of 256 random bits. */
  put(
    credential: {
      readonly tenant: string;
      readonly credentialId: string;
      readonly subject: string;
      readonly role: string;
    },
    token: string,
  ): Promise<CredentialRecord>;
  authenticate(token: string): Promise<CredentialRecord | null>;
  list(tenant: string): Promise<readonly CredentialRecord[]>;
}
