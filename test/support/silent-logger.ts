/** For servers whose log no test reads. */
export const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
