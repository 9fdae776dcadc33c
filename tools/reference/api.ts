import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { builtFile } from '../../src/built-files.js';
import { code, table } from './sections.js';

const PACKAGE = 'hauberk.v1';
// Field numbers of google/protobuf/descriptor.proto, which make up paths in a file.
const MESSAGES = 4;
const ENUMS = 5;
const SERVICES = 6;
const MEMBERS = 2;
const ENUMS_OF_MESSAGE = 4;

type Comments = (...path: readonly number[]) => string;

/** The files of the API, each with its comments. */
function files(): { readonly file: FileDescriptorProto; readonly comments: Comments }[] {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(builtFile('descriptors.binpb')));
  return set.file
    .filter((file) => file.package === PACKAGE)
    .map((file) => {
      const texts = new Map(
        file.sourceCodeInfo?.location.map(({ path, leadingComments }) => [path.join('.'), leadingComments]),
      );
      return { file, comments: (...path) => (texts.get(path.join('.')) ?? '').trim().replaceAll(/\s+/gu, ' ') };
    });
}

function typeOf(message: DescriptorProto, field: FieldDescriptorProto): string {
  const entry = message.nestedType.find(
    ({ name, options }) => options?.mapEntry && field.typeName.endsWith(`.${message.name}.${name}`),
  );
  if (entry !== undefined) return `map of ${entry.field.map((each) => nameOf(each)).join(' to ')}`;
  return field.label === FieldDescriptorProto_Label.REPEATED ? `list of ${nameOf(field)}` : nameOf(field);
}

function nameOf({ type, typeName }: FieldDescriptorProto): string {
  if (typeName === '') return FieldDescriptorProto_Type[type]!.toLowerCase();
  return typeName.replace(`.${PACKAGE}.`, '').replace(/^\./u, '');
}

function fieldTable(message: DescriptorProto, comments: Comments, path: readonly number[]): string {
  return table(
    ['field', 'type', ''],
    message.field.map((field, index) => [code(field.name), typeOf(message, field), comments(...path, MEMBERS, index)]),
  );
}

function enumText(
  name: string,
  { value }: EnumDescriptorProto,
  comments: Comments,
  path: readonly number[],
): readonly [string, string] {
  const rows = value.map((each, index) => [code(each.name), comments(...path, MEMBERS, index)]);
  const about = comments(...path);
  return [name, `${about === '' ? '' : `${about}\n\n`}${table(['value', ''], rows)}`];
}

/** The fields of an event. */
export function eventTable(): string {
  for (const { file, comments } of files()) {
    const index = file.messageType.findIndex(({ name }) => name === 'Event');
    if (index >= 0) return fieldTable(file.messageType[index]!, comments, [MESSAGES, index]);
  }
  throw new Error('the API has no events');
}

/** Services, messages and enumerations, with the comments of the .proto files. */
export function apiText(): string {
  const all = files();
  const services = all.flatMap(({ file, comments }) =>
    file.service.map(({ name, method }, service) => {
      const rows = method.map((each, index) => [
        code(each.name),
        code(each.inputType.replace(`.${PACKAGE}.`, '')),
        code(each.outputType.replace(`.${PACKAGE}.`, '')) + (each.serverStreaming ? ', a stream' : ''),
        comments(SERVICES, service, MEMBERS, index),
      ]);
      return `## ${name}\n\n${comments(SERVICES, service)}\n\n${table(['call', 'takes', 'answers', ''], rows)}`;
    }),
  );
  const messages = all.flatMap(({ file, comments }) =>
    file.messageType.flatMap((message, index) => {
      const about = comments(MESSAGES, index);
      if (message.field.length === 0) return [];
      return [
        [message.name, `${about === '' ? '' : `${about}\n\n`}${fieldTable(message, comments, [MESSAGES, index])}`],
      ];
    }),
  );
  const enums = all.flatMap(({ file, comments }) => [
    ...file.enumType.map((each, index) => enumText(each.name, each, comments, [ENUMS, index])),
    ...file.messageType.flatMap((message, index) =>
      message.enumType.map((each, nested) =>
        enumText(`${message.name}.${each.name}`, each, comments, [MESSAGES, index, ENUMS_OF_MESSAGE, nested]),
      ),
    ),
  ]);
  const byName = (parts: readonly (readonly string[])[]) =>
    [...parts].sort(([left], [right]) => (left! < right! ? -1 : 1)).map(([name, text]) => `### ${name}\n\n${text}`);
  return [...services, '## Messages\n', ...byName(messages), '## Enumerations\n', ...byName(enums)].join('\n');
}
