import { checked } from '../native/kernel-error.js';
import { objectInfo, programById } from '../native/libbpf.js';
import { closeDescriptor } from '../native/libc.js';

/** Offsets in struct bpf_link_info and struct bpf_prog_info, include/uapi/linux/bpf.h. Fields are only ever appended. */
const LINK_INFO_BYTES = 16;
const LINK_INFO_ID = 4;
const LINK_INFO_PROGRAM_ID = 8;
/** struct bpf_map_info of the same file. */
const MAP_INFO_BYTES = 16;
const MAP_INFO_ID = 4;
const PROGRAM_INFO_ID = 4;
const PROGRAM_INFO_BYTES = 232;
const PROGRAM_INFO_RECURSION_MISSES = 208;
const PROGRAM_INFO_VERIFIED_INSTRUCTIONS = 216;

export interface ProgramInfo {
  /** Instructions the verifier looked at until it was satisfied. */
  readonly verifiedInstructions: number;
  /** Runs the kernel left out because the program was already running on that processor (before 6.2). */
  readonly recursionMisses: bigint;
}

/** Number of a map in this kernel, as an outer map reports which inner map it holds. */
export function mapId(descriptor: number): number {
  return readInfo(descriptor, MAP_INFO_BYTES).readUInt32LE(MAP_INFO_ID);
}

/** The same of a program. */
export function programId(descriptor: number): number {
  return readInfo(descriptor, PROGRAM_INFO_BYTES).readUInt32LE(PROGRAM_INFO_ID);
}

/** Numbers of a link and of the program that it attaches. */
export function linkIds(descriptor: number): { readonly link: number; readonly program: number } {
  const info = readInfo(descriptor, LINK_INFO_BYTES);
  return { link: info.readUInt32LE(LINK_INFO_ID), program: info.readUInt32LE(LINK_INFO_PROGRAM_ID) };
}

/** Opens the program behind an attached link; the caller closes the descriptor. */
export function programOfLink(linkDescriptor: number): number {
  const info = readInfo(linkDescriptor, LINK_INFO_BYTES);
  return checked('cannot open an attached program', programById(info.readUInt32LE(LINK_INFO_PROGRAM_ID)));
}

/** Of a program that need not be attached, by its own descriptor. */
export function infoOfProgram(program: number): ProgramInfo {
  const info = readInfo(program, PROGRAM_INFO_BYTES);
  return {
    verifiedInstructions: info.readUInt32LE(PROGRAM_INFO_VERIFIED_INSTRUCTIONS),
    recursionMisses: info.readBigUInt64LE(PROGRAM_INFO_RECURSION_MISSES),
  };
}

export function programInfo(linkDescriptor: number): ProgramInfo {
  const program = programOfLink(linkDescriptor);
  try {
    return infoOfProgram(program);
  } finally {
    closeDescriptor(program);
  }
}

function readInfo(descriptor: number, bytes: number): Buffer {
  const info = Buffer.alloc(bytes);
  checked('cannot read what the kernel knows of a descriptor', objectInfo(descriptor, info, [bytes]));
  return info;
}
