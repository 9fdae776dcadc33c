import { fromJSON, type MessageTypeDefinition } from '@grpc/proto-loader';

/** google.rpc as googleapis numbers it, read by another library than the one that writes it. */
const NAMESPACES = {
  nested: {
    google: {
      nested: {
        protobuf: {
          nested: {
            Any: { fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } },
            Duration: { fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } } },
          },
        },
        rpc: {
          nested: {
            Status: {
              fields: {
                code: { type: 'int32', id: 1 },
                message: { type: 'string', id: 2 },
                details: { rule: 'repeated', type: 'google.protobuf.Any', id: 3 },
              },
            },
            RetryInfo: { fields: { retryDelay: { type: 'google.protobuf.Duration', id: 1 } } },
            BadRequest: {
              fields: { fieldViolations: { rule: 'repeated', type: 'FieldViolation', id: 1 } },
              nested: {
                FieldViolation: {
                  fields: { field: { type: 'string', id: 1 }, description: { type: 'string', id: 2 } },
                },
              },
            },
          },
        },
      },
    },
  },
};
const DEFINITIONS = fromJSON(NAMESPACES, { defaults: true, longs: Number });

interface Details {
  Status: { code: number; message: string; details: { typeUrl: string; value: Buffer }[] };
  BadRequest: { fieldViolations: { field: string; description: string }[] };
  RetryInfo: { retryDelay: { seconds: number; nanos: number } };
}

/** Decodes a message of google.rpc. */
export function decodeDetails<Name extends keyof Details>(name: Name, encoded: Uint8Array): Details[Name] {
  const definition = DEFINITIONS[`google.rpc.${name}`] as MessageTypeDefinition<object, object>;
  return definition.deserialize(Buffer.from(encoded)) as Details[Name];
}
