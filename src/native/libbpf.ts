import { promisify } from 'node:util';
import koffi from 'koffi';
import { KernelError } from './kernel-error.js';
import { loadLibbpf } from './shipped-library.js';

/**
 * The functions of libbpf, by koffi. (ffi-napi, the older foreign function interface, does not compile on today's Node.)
 */
const libbpf = loadLibbpf();

koffi.opaque('bpf_object');
koffi.opaque('bpf_program');
koffi.opaque('bpf_map');
koffi.opaque('bpf_link');
koffi.opaque('btf');

/** A pointer koffi handed out; only ever given back to koffi. */
export type Pointer = unknown;

/** include/uapi/linux/bpf.h */
export const BPF_MAP_TYPE_ARRAY = 2;
export const BPF_F_INNER_MAP = 1 << 12;
export const BPF_F_RDONLY_PROG = 1 << 7;
export const BPF_ANY = 0;

const LIBBPF_WARN = 0;

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

const formatText = koffi
  .load('libc.so.6')
  .func('int vsnprintf(_Out_ char *text, size_t size, const char *format, void *values)');
const LOG_LINE_BYTES = 1024;
let logLines: string[] = [];
const printer = koffi.register(
  (level: number, format: string, values: Pointer) => {
    if (level > LIBBPF_WARN) return 0;
    const line = Buffer.alloc(LOG_LINE_BYTES);
    const length = formatText(line, LOG_LINE_BYTES, format, values);
    logLines.push(line.toString('utf8', 0, Math.min(length, LOG_LINE_BYTES - 1)).trimEnd());
    return 0;
  },
  koffi.pointer(koffi.proto('int libbpf_printer(int level, const char *format, void *values)')),
);
libbpf.func('void *libbpf_set_print(libbpf_printer *printer)')(printer);

/** The warnings of libbpf since the last call. */
export function takeWarnings(): string[] {
  const taken = logLines;
  logLines = [];
  return taken;
}

export const openObject = libbpf.func('bpf_object *bpf_object__open_file(const char *path, void *options)');
export const loadObject = libbpf.func('int bpf_object__load(bpf_object *object)');
export const closeObject = libbpf.func('void bpf_object__close(bpf_object *object)');
export const nextProgram = libbpf.func('bpf_program *bpf_object__next_program(bpf_object *object, bpf_program *last)');
export const programName = libbpf.func('const char *bpf_program__name(bpf_program *program)');
export const programSection = libbpf.func('const char *bpf_program__section_name(bpf_program *program)');
/** libbpf keeps the address: the buffer must live until the object is loaded. */
export const setLogBuffer = libbpf.func('int bpf_program__set_log_buf(bpf_program *program, void *log, size_t size)');
export const programDescriptor = libbpf.func('int bpf_program__fd(bpf_program *program)');
export const setAutoload = libbpf.func('int bpf_program__set_autoload(bpf_program *program, bool autoload)');
export const attachLsm = libbpf.func('bpf_link *bpf_program__attach_lsm(bpf_program *program)');
export const pinLink = libbpf.func('int bpf_link__pin(bpf_link *link, const char *path)');
export const pinProgram = libbpf.func('int bpf_program__pin(bpf_program *program, const char *path)');
export const destroyLink = libbpf.func('int bpf_link__destroy(bpf_link *link)');
export const findMap = libbpf.func('bpf_map *bpf_object__find_map_by_name(bpf_object *object, const char *name)');
export const nextMap = libbpf.func('bpf_map *bpf_object__next_map(bpf_object *object, bpf_map *last)');
export const mapDescriptor = libbpf.func('int bpf_map__fd(bpf_map *map)');
export const setPinPath = libbpf.func('int bpf_map__set_pin_path(bpf_map *map, const char *path)');
export const mapType = libbpf.func('int bpf_map__type(bpf_map *map)');
export const mapKeyBytes = libbpf.func('uint32 bpf_map__key_size(bpf_map *map)');
export const mapValueBytes = libbpf.func('uint32 bpf_map__value_size(bpf_map *map)');
export const mapEntries = libbpf.func('uint32 bpf_map__max_entries(bpf_map *map)');
export const mapFlags = libbpf.func('uint32 bpf_map__map_flags(bpf_map *map)');
export const initialValue = libbpf.func('void *bpf_map__initial_value(bpf_map *map, _Out_ size_t *size)');
export const loadKernelTypes = libbpf.func('btf *btf__load_vmlinux_btf()');
export const findType = libbpf.func('int btf__find_by_name_kind(btf *types, const char *name, uint32 kind)');
export const objectTypes = libbpf.func('btf *bpf_object__btf(bpf_object *object)');
export const typeById = libbpf.func('void *btf__type_by_id(btf *types, uint32 id)');
export const typeText = libbpf.func('const char *btf__name_by_offset(btf *types, uint32 offset)');
export const freeTypes = libbpf.func('void btf__free(btf *types)');

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

/** Returns a pointer; libbpf 1.x returns NULL and sets errno. */
export function checkedPointer(what: string, pointer: Pointer): Pointer {
  if (pointer === null) throw new KernelError(what, koffi.errno());
  return pointer;
}
