/**
 * `cnilab/pulumi/provider`: what the dynamic resources of `cnilab/pulumi` call in the process that Pulumi starts for them. It loads nothing of Pulumi's, and is
 * no API for programs.
 */
import { labProvider, type LabProvider } from './lab.ts';
import { nameProvider, type NameProvider } from './name.ts';
import { verificationProvider, type VerificationProvider } from './verification.ts';

/** One provider for all resources of a process. */
export const providers: { readonly name: NameProvider; readonly lab: LabProvider; readonly verification: VerificationProvider } = {
  name: nameProvider(),
  lab: labProvider(),
  verification: verificationProvider(),
};
