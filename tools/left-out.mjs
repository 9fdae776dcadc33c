/** Stands in the bundled programs for a package that they do not need and that another one imports all the same. */
export {};
