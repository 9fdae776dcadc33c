export const PATH_BYTES_MAX = 4096;
/** struct path_buffer of bpf/include/automaton.h: the bytes, padding, and the state of the walk up a tree. */
export const PATH_BUFFER_BYTES = PATH_BYTES_MAX + 256 + 152;
