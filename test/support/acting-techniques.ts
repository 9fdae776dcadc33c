import { basename, dirname } from 'node:path';

export interface ActingPlaces {
  /** Of test/support/uses.c. */
  readonly helper: string;
  readonly secret: string;
  /** One that no image has brought, and one of it. */
  readonly library: string;
  readonly imageLibrary: string;
}

export interface ReplacedPlaces {
  readonly helper: string;
  /** The source's file, in a directory in which all are sources. */
  readonly source: string;
  /** A file elsewhere; its name with more behind it is free. */
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
  /** What an event says of it. */
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
}: ActingPlaces): readonly ActingTechnique[] => [
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
    technique: 'its loader is given a directory of libraries by LD_LIBRARY_PATH',
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
    technique: 'another library is mounted over one of its own, in mounts of its own',
    script: `cp ${imageLibrary.replace('libm', 'libc')} ${library}.c &&
      unshare --mount sh -c "mount --bind ${library}.c ${imageLibrary.replace('libm', 'libc')} && cat ${secret}"`,
    reported: { operation: 'open', object: secret, result: 'RESULT_DENIED' },
  },
  {
    technique: 'a library is named behind a long variable, by a file without a name',
    script: `perl -MIO::Handle -e '$ENV{A} = "x" x 9000; my $fd = syscall(${process.arch === 'arm64' ? 279 : 319}, my $n = "l", 0);
      open(my $from, "<", "${imageLibrary}"); open(my $to, ">&=", $fd); local $/; print {$to} <$from>; $to->flush;
      $ENV{LD_PRELOAD} = "/proc/$$/fd/$fd"; system("cat", "${secret}") == 0 or exit 1'`,
    reported: { operation: 'open', object: secret, result: 'RESULT_DENIED' },
  },
];
/** The source's file, and the way to it. */
export const replacements = ({ helper, source, other }: ReplacedPlaces): Readonly<Record<string, string>> => ({
  'another file is renamed to it': `cp ${helper} ${other}.new && mv -f ${other}.new ${source}`,
  'it is written to': `printf x >>${source}`,
  'it is made again': `rm ${source}; cp ${helper} ${source}`,
  'another file is linked to it': `rm ${source}; ln ${other} ${source}`,
  'a symbolic link is made in its place': `rm ${source}; ln -s ${helper} ${source}`,
  'it is exchanged with another file': `perl -e 'syscall(${process.arch === 'arm64' ? 276 : 316}, -100, my $a = "${source}", -100, my $b = "${other}", 2) == 0 or die "$!\\n"'`,
  'another file is mounted over it': `unshare --mount mount --bind ${helper} ${source}`,
  'another directory is mounted on the way to it': `unshare --mount mount --bind /usr ${dirname(source)}`,
  'the directory is renamed': `mv ${dirname(source)} ${other}.d && mv ${other}.d ${dirname(source)}`,
});
