/** TCP and UDP port of the responders: below the ephemeral range (32768) and the NodePort range (30000). Verify's options have the same two. */
export const PROBE_PORT = 7000;
/** A port on which nothing listens, for the control that must be refused. */
export const CLOSED_PORT = 7001;
