/**
 * What a verification may use of its image: agnhost's is Alpine with bash, bind-tools, curl, iproute2, iperf and netcat-openbsd, so besides those what
 * busybox and musl-utils have. No ping, no jq, no python.
 */
export const AGNHOST_TOOLS: readonly string[] = (
  'sh bash curl nc ip ' + 'awk base64 cat cut date env getent grep head kill mkdir mkfifo mktemp od printf rm sed seq sleep test timeout tr wc'
).split(' ');
