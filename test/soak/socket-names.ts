/** Names of files within the directory of a soak. */
export const SOCKET = 'hauberk.sock';
export const KUBEARMOR_SOCKET = 'kubearmor.sock';
