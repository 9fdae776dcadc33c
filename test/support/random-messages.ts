import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { loadFileDescriptorSetFromBuffer, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';

/** The fields of google.protobuf.DescriptorProto that are needed to write a message. */
interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly typeName: string;
}
interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly MessageDescriptor[];
}

export interface Method {
  readonly path: string;
  readonly responseStream: boolean;
  readonly requestType: string;
  /** A valid request. */
  readonly good: Uint8Array;
}

/** Texts that pass the first checks, and texts that have harmed other programs. */
const TEXTS = [
  ...[
    '',
    'web',
    'default',
    'host',
    '/etc/shadow',
    '/etc/',
    '/',
    'relative',
    '/a/../b',
    '/x/**/{a,b}*',
    '[',
    '/{a,b',
    '\\',
  ],
  ...['label', 'In', 'app=web', 'tcp', 'netlink', 'net_raw', 'user', 'exec', 'tmpfs', 'read', 'map', 'mount', 'open'],
  ...['10.0.0.0/8', '::ffff:1.2.3.4', '1-65535', '70000', 'communicate', 'use', 'access', 'trace', 'unshare', 'behave'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '\0', '\n', '\u{feff}x', '€', '\u{1f600}', 'null', '*'],
];
const MANIFESTS = ['---\n', '{', 'kind: KubeArmorPolicy', '&a [*a]', '%YAML 1.1\n---\na: 1', '\u{85}- ? :'];
/** Only process 1 has one of these numbers. */
const NUMBERS = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const LARGE_NUMBERS = [0n, 1n, 2n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n];
const SMALL_NUMBERS = [-(2 ** 31), -1001, -1, 0, 1, 5, 1000, 2 ** 31 - 1];
const NOT_UTF8 = [Buffer.from([0xff]), Buffer.from('/etc/\xc3', 'latin1'), Buffer.from([0xed, 0xa0, 0x80])];
/** All wire types, with those of groups, which proto3 does not have, and two that do not exist. */
const WIRE_TYPES = [0, 1, 2, 3, 4, 5, 6, 7];
const DEPTH_MAX = 5;

/** Makes random requests of an API, valid and invalid by its descriptors. */
export class RandomMessages {
  readonly methods: readonly Method[];
  readonly #definitions: PackageDefinition;

  /** @param good valid requests by method name; an empty one where left out */
  constructor(descriptorSet: Buffer, services: readonly string[], good: Readonly<Record<string, object>>) {
    this.#definitions = loadFileDescriptorSetFromBuffer(descriptorSet);
    this.methods = services.flatMap((service) =>
      Object.entries(this.#definitions[service] as ServiceDefinition).map(([name, method]) => ({
        path: method.path,
        responseStream: method.responseStream,
        requestType: (method.requestType.type as MessageDescriptor).name,
        good: method.requestSerialize(good[name] ?? {}),
      })),
    );
  }

  /** Requests of a method, as bytes. Concatenated messages are merged. */
  of({ requestType, good }: Method): fc.Arbitrary<Uint8Array> {
    const random = this.#message(this.#descriptor(requestType), 0);
    const altered = random.map((bytes) => Buffer.concat([good, bytes]));
    const either = fc.oneof(random, altered);
    return fc.oneof(
      { arbitrary: either, weight: 6 },
      { arbitrary: fc.tuple(either, fc.array(edit, { minLength: 1, maxLength: 4 })).map(edited), weight: 3 },
      { arbitrary: fc.tuple(either, strayField).map((parts) => Buffer.concat(parts)), weight: 1 },
      { arbitrary: fc.uint8Array({ maxLength: 40 }), weight: 1 },
    );
  }

  #message(message: MessageDescriptor, depth: number): fc.Arbitrary<Uint8Array> {
    const { field } = message;
    const fields = depth < DEPTH_MAX ? field : field.filter(({ type }) => type !== 'TYPE_MESSAGE');
    if (fields.length === 0) return fc.constant(Buffer.alloc(0));
    return fc
      .array(
        fc.constantFrom(...fields).chain((each) => this.#field(each, message, depth)),
        { maxLength: 8 },
      )
      .map((parts) => Buffer.concat(parts));
  }

  #field(field: FieldDescriptor, message: MessageDescriptor, depth: number): fc.Arbitrary<Uint8Array> {
    const write = (wireType: number, value: (writer: BinaryWriter) => BinaryWriter) =>
      value(new BinaryWriter().tag(field.number, wireType)).finish();
    switch (field.type) {
      case 'TYPE_MESSAGE':
        return this.#message(this.#descriptor(field.typeName, message), depth + 1).map((bytes) =>
          write(2, (writer) => writer.bytes(bytes)),
        );
      case 'TYPE_STRING':
        return (field.name === 'manifest' ? manifestText : text).map((bytes) =>
          write(2, (writer) => writer.bytes(bytes)),
        );
      case 'TYPE_BOOL':
        return fc.boolean().map((value) => write(0, (writer) => writer.bool(value)));
      case 'TYPE_UINT64':
      case 'TYPE_INT64':
        return fc.constantFrom(...LARGE_NUMBERS).map((value) => write(0, (writer) => writer.uint64(value)));
      case 'TYPE_ENUM':
      case 'TYPE_INT32':
        return fc
          .oneof(fc.constantFrom(...SMALL_NUMBERS), fc.nat(10))
          .map((value) => write(0, (writer) => writer.int32(value)));
      case 'TYPE_UINT32':
        return fc
          .oneof(fc.constantFrom(...NUMBERS), fc.nat(field.name === 'pid' ? 1 : 70_000))
          .map((value) => write(0, (writer) => writer.uint32(value)));
      default:
        throw new Error(`no values of ${field.type} for ${field.name}`);
    }
  }

  /** Finds a type by name, seen from its user: the entry type of a map is nested in the user. */
  #descriptor(name: string, user?: MessageDescriptor): MessageDescriptor {
    const [known] = ['', 'hauberk.v1.', 'google.protobuf.'].flatMap(
      (prefix) => this.#definitions[`${prefix}${name}`]?.type ?? [],
    );
    const found = user?.nestedType.find((nested) => nested.name === name) ?? known;
    if (found === undefined) throw new Error(`no message ${name}`);
    return found as MessageDescriptor;
  }
}

function textLike(known: readonly string[]): fc.Arbitrary<Uint8Array> {
  const text = fc.oneof(fc.constantFrom(...known), fc.string({ unit: 'binary', maxLength: 12 }));
  return fc.oneof(
    { arbitrary: text.map((value) => Buffer.from(value)), weight: 40 },
    { arbitrary: fc.constantFrom(...NOT_UTF8), weight: 1 },
    { arbitrary: fc.constant(Buffer.alloc(5000, '/x')), weight: 1 },
  );
}

/** Made once: fast-check prepares each arbitrary of strings for all characters. */
const text = textLike(TEXTS);
const manifestText = textLike(MANIFESTS);

const edit = fc.record({ at: fc.nat(), cut: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) });
type Edit = typeof edit extends fc.Arbitrary<infer Value> ? Value : never;

function edited([bytes, edits]: [Uint8Array, Edit[]]): Uint8Array {
  return edits.reduce((before: Uint8Array, { at, cut, put }) => {
    const start = at % (before.length + 1);
    return Buffer.concat([before.subarray(0, start), put, before.subarray(start + cut)]);
  }, bytes);
}

/** A field with any number and wire type, possibly those of another, followed by anything. */
const strayField = fc
  .tuple(
    fc.constantFrom(0, 1, 2, 5, 15, 16, 2 ** 29 - 1),
    fc.constantFrom(...WIRE_TYPES),
    fc.uint8Array({ maxLength: 12 }),
  )
  .map(([number, wireType, rest]) =>
    Buffer.concat([new BinaryWriter().uint32(((number << 3) | wireType) >>> 0).finish(), rest]),
  );
