export const PATH_BYTES_MAX = 4096;
/** struct path_buffer of bpf/include/automaton.h: the bytes, room behind them, and what the walk up a tree keeps. */
export const PATH_BUFFER_BYTES = PATH_BYTES_MAX + 256 + 152;
