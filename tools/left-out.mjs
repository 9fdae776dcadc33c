/** Replaces, in the bundled programs, packages that are imported but never used. */
export {};
