import { basename, dirname } from 'node:path';

export interface ActingPaths {
  /** Of test/support/uses.c. */
  readonly helper: string;
  readonly secret: string;
  /** A library that is not part of the image, and one that is. */
  readonly library: string;
  readonly imageLibrary: string;
}

export interface ReplacedPaths {
  readonly helper: string;
  /** The file of the source, in a directory in which all files are sources. */
  readonly source: string;
  /** A file in another directory; there is none whose name starts with it. */
  readonly other: string;
}

interface Expected {
  readonly operation: string;
  readonly object: string;
  readonly result: string;
}

export interface ActingTechnique {
  readonly technique: string;
  readonly script: string;
  /** Fields of its event. */
  readonly reported: Expected;
}

const REACHING = {
  'memory-read': 'its memory is read in /proc',
  'memory-write': 'its memory is written to in /proc',
  attach: 'it is attached to',
  seize: 'it is seized',
  'copy-from': 'its memory is copied from',
  'copy-to': 'its memory is copied to',
  'take-descriptor': 'a descriptor is taken from it',
};
/** Ways to act as cat(1), which alone may read the secret. */
export const actingTechniques = ({
  helper,
  secret,
  library,
  imageLibrary,
}: ActingPaths): readonly ActingTechnique[] => [
  ...Object.entries(REACHING).map(([how, technique]) => ({
    technique,
    script: `${helper} reach-into ${how} /usr/bin/cat`,
    reported: { operation: 'trace', object: '/usr/bin/cat', result: 'RESULT_DENIED' },
  })),
  ...Object.entries({ traced: 'it is traced from its start', answered: 'its calls are answered by another' }).map(
    ([how, technique]) => ({
      technique,
      script: `${helper} run ${how} /usr/bin/cat ${secret}`,
      reported: { operation: 'exec', object: '/usr/bin/cat', result: 'RESULT_PASSED' },
    }),
  ),
  ...['LD_PRELOAD', 'LD_AUDIT'].map((variable) => ({
    technique: `its loader is given a library by ${variable}`,
    script: `${variable}=${library} cat ${secret}`,
    reported: { operation: 'map', object: library, result: 'RESULT_PASSED' },
  })),
  {
    technique: 'its loader searches another directory, by LD_LIBRARY_PATH',
    script: `cp ${imageLibrary.replace('libm', 'libc')} ${dirname(library)}/libc.so.6; LD_LIBRARY_PATH=${dirname(library)} cat ${secret}`,
    reported: { operation: 'map', object: `${dirname(library)}/libc.so.6`, result: 'RESULT_PASSED' },
  },
  {
    technique: 'it is run in a root with another loader',
    script: `cd ${dirname(secret)} && mkdir -p root && cp --parents $(ldd /usr/bin/cat | grep -o "/[^ ]*") root &&
      ${helper} run elsewhere /usr/bin/cat ${basename(secret)}`,
    reported: { operation: 'open', object: secret, result: 'RESULT_DENIED' },
  },
  {
    technique: 'another library is mounted over one of its own, in a new mount namespace',
    script: `cp ${imageLibrary.replace('libm', 'libc')} ${library}.c &&
      unshare --mount sh -c "mount --bind ${library}.c ${imageLibrary.replace('libm', 'libc')} && cat ${secret}"`,
    reported: { operation: 'open', object: secret, result: 'RESULT_DENIED' },
  },
  {
    technique: 'a library without a name is preloaded, by a variable behind a very long one',
    script: `perl -MIO::Handle -e '$ENV{A} = "x" x 9000; my $fd = syscall(${process.arch === 'arm64' ? 279 : 319}, my $n = "l", 0);
      open(my $from, "<", "${imageLibrary}"); open(my $to, ">&=", $fd); local $/; print {$to} <$from>; $to->flush;
      $ENV{LD_PRELOAD} = "/proc/$$/fd/$fd"; system("cat", "${secret}") == 0 or exit 1'`,
    reported: { operation: 'open', object: secret, result: 'RESULT_DENIED' },
  },
];
/** Ways to replace the file of a source, or a directory above it. */
export const replacements = ({ helper, source, other }: ReplacedPaths): Readonly<Record<string, string>> => ({
  'another file is renamed over it': `cp ${helper} ${other}.new && mv -f ${other}.new ${source}`,
  'it is written to': `printf x >>${source}`,
  'it is deleted and created again': `rm ${source}; cp ${helper} ${source}`,
  'another file is linked in its place': `rm ${source}; ln ${other} ${source}`,
  'a symbolic link is made in its place': `rm ${source}; ln -s ${helper} ${source}`,
  'it is exchanged with another file': `perl -e 'syscall(${process.arch === 'arm64' ? 276 : 316}, -100, my $a = "${source}", -100, my $b = "${other}", 2) == 0 or die "$!\\n"'`,
  'another file is mounted over it': `unshare --mount mount --bind ${helper} ${source}`,
  'another directory is mounted over its directory': `unshare --mount mount --bind /usr ${dirname(source)}`,
  'the directory is renamed': `mv ${dirname(source)} ${other}.d && mv ${other}.d ${dirname(source)}`,
});
