import { promisify } from 'node:util';
import koffi from 'koffi';
import { libbpf } from './shipped-library.js';

export { takeWarnings } from './shipped-library.js';

// By koffi: ffi-napi, the older foreign function interface, does not compile on today's Node.js.

/** include/uapi/linux/bpf.h */
export const BPF_MAP_TYPE_ARRAY = 2;
export const BPF_F_INNER_MAP = 1 << 12;
export const BPF_F_RDONLY_PROG = 1 << 7;
export const BPF_ANY = 0;

/** struct bpf_map_create_opts of libbpf 1.0 and later. */
koffi.struct('bpf_map_create_opts', {
  sz: 'size_t',
  btf_fd: 'uint32',
  btf_key_type_id: 'uint32',
  btf_value_type_id: 'uint32',
  btf_vmlinux_value_type_id: 'uint32',
  inner_map_fd: 'uint32',
  map_flags: 'uint32',
  map_extra: 'uint64',
  numa_node: 'uint32',
  map_ifindex: 'uint32',
});
export const MAP_CREATE_OPTIONS_BYTES = koffi.sizeof('bpf_map_create_opts');

export const getPinned = libbpf.func('int bpf_obj_get(const char *path)');
export const pinDescriptor = libbpf.func('int bpf_obj_pin(int fd, const char *path)');
/** The name is null for a program that names its tracepoint itself. */
export const attachToTracepoint = libbpf.func('int bpf_raw_tracepoint_open(const char *name, int program)');
export const createLink = libbpf.func('int bpf_link_create(int program, int target, int type, const void *options)');
/** A descriptor that runs the program for each element as it is read. */
export const createIterator = libbpf.func('int bpf_iter_create(int link)');
export const createMap = libbpf.func(
  'int bpf_map_create(int type, const char *name, uint32 key_size, uint32 value_size, uint32 max_entries, bpf_map_create_opts *options)',
);
export const freezeMap = libbpf.func('int bpf_map_freeze(int fd)');
export const updateBatch = libbpf.func(
  'int bpf_map_update_batch(int fd, const void *keys, const void *values, _Inout_ uint32 *count, void *options)',
);
export const deleteBatch = libbpf.func(
  'int bpf_map_delete_batch(int fd, const void *keys, _Inout_ uint32 *count, void *options)',
);
type Batch = (...parameters: unknown[]) => Promise<number>;
/** Off the event loop. koffi does not keep the buffers alive meanwhile: the caller has to use them afterwards. */
export const updateBatchAsync = promisify(updateBatch.async) as Batch;
export const deleteBatchAsync = promisify(deleteBatch.async) as Batch;
export const updateElement = libbpf.func(
  'int bpf_map_update_elem(int fd, const void *key, const void *value, uint64 flags)',
);
export const lookupElement = libbpf.func('int bpf_map_lookup_elem(int fd, const void *key, _Out_ void *value)');
/** Looks up and deletes at once; of hash maps since Linux 5.14. */
export const takeElement = libbpf.func(
  'int bpf_map_lookup_and_delete_elem(int fd, const void *key, _Out_ void *value)',
);
export const deleteElement = libbpf.func('int bpf_map_delete_elem(int fd, const void *key)');
export const nextKey = libbpf.func('int bpf_map_get_next_key(int fd, const void *key, _Out_ void *next)');
export const objectInfo = libbpf.func('int bpf_obj_get_info_by_fd(int fd, _Inout_ void *info, _Inout_ uint32 *size)');
export const mapById = libbpf.func('int bpf_map_get_fd_by_id(uint32 id)');
export const programById = libbpf.func('int bpf_prog_get_fd_by_id(uint32 id)');
export const possibleProcessors = libbpf.func('int libbpf_num_possible_cpus()');

/** struct bpf_test_run_opts of libbpf 1.0 and later. */
koffi.struct('bpf_test_run_opts', {
  sz: 'size_t',
  data_in: 'const void *',
  data_out: 'void *',
  data_size_in: 'uint32',
  data_size_out: 'uint32',
  ctx_in: 'const void *',
  ctx_out: 'void *',
  ctx_size_in: 'uint32',
  ctx_size_out: 'uint32',
  retval: 'uint32',
  repeat: 'int',
  duration: 'uint32',
  flags: 'uint32',
  cpu: 'uint32',
  batch_size: 'uint32',
});
const testRun = libbpf.func('int bpf_prog_test_run_opts(int program, _Inout_ bpf_test_run_opts *options)');

/**
 * Runs an unattached program once, in this process.
 *
 * @param argument what it is given; nothing when left out
 * @returns what the program did, or -errno
 */
export function runProgram(program: number, argument?: Buffer): number {
  const options = {
    sz: koffi.sizeof('bpf_test_run_opts'),
    ctx_in: argument ?? null,
    ctx_size_in: argument?.length ?? 0,
    retval: 0,
  };
  const result: number = testRun(program, options);
  return result < 0 ? result : options.retval | 0;
}
