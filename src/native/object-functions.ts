import koffi from 'koffi';
import { KernelError } from './kernel-error.js';
import { libbpf } from './shipped-library.js';

/** Functions of libbpf that take or return pointers, which stay in this folder: see `BpfObject` and `KernelTypes`. */
koffi.opaque('bpf_object');
koffi.opaque('bpf_program');
koffi.opaque('bpf_map');
koffi.opaque('bpf_link');
koffi.opaque('btf');

/** A pointer koffi handed out; only ever given back to koffi. */
export type Pointer = unknown;

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

/** Returns a pointer; libbpf 1.x returns NULL and sets errno. */
export function checkedPointer(what: string, pointer: Pointer): Pointer {
  if (pointer === null) throw new KernelError(what, koffi.errno());
  return pointer;
}
