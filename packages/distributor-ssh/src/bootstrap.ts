/**
 * What runs on a machine before dtlto-codegen does: shell scripts for any POSIX sh (dash, busybox), with coreutils or busybox and nothing else.
 *
 * The user's shell there may be any, csh and fish too, so it gets one line that reads the same in all of them. That line starts /bin/sh, which takes the
 * script from the head of its input, byte by byte (`dd bs=1`), for the rest of the input belongs to others.
 *
 * The scripts answer in lines that begin with `dtlto-ssh`; a greeting of the user's shell before them does no harm:
 *
 *     dtlto-ssh system Linux x86_64
 *     dtlto-ssh need               dtlto-codegen is not there, or damaged
 *     dtlto-ssh serve              what follows are frames of dtlto-codegen --serve-many
 *     dtlto-ssh shipped
 *     dtlto-ssh error KIND TEXT
 *
 * The directory of a toolchain is named by a digest of its files' digests. It is filled under another name and renamed when all files have been checked.
 * They are checked again before they are used if they have changed since the last check (inodes, sizes, times), and once a day: digests of 200 MB take
 * most of a second. Where there is no sha256sum, dtlto-codegen checks itself, and what could lie are the very files that are
 * checked: that finds damage, not malice. The directory belongs to the user alone.
 */
import type { Toolchain } from './toolchain.js'

/** Toolchains that nobody has used for so many days are removed when another one comes. */
const KEEP_DAYS = 30
/** A directory that the user names may have files of the user's: in it we have one of our own, of which access and contents are our business. */
const OWN_DIRECTORY = 'dtlto-toolchain'
/** The name of a toolchain, as `find` knows patterns. */
const ANY_DIGEST = '[0-9a-f]'.repeat(64)

/** The one line for the user's shell. `script` is then to be the head of the input. */
export function shellLine(script: string): string {
  return `exec /bin/sh -c 'eval "$(dd bs=1 count=${Buffer.byteLength(script)} 2>/dev/null)"'`
}

/** Starts dtlto-codegen, or says that it is needed. `cache`: the directory in which ours is, undefined: the usual. */
export function serveScript(toolchain: Toolchain, cache: string | undefined, silenceSeconds: number): string {
  // All files are there twice for a moment.
  const needed = Math.ceil((2 * toolchain.sizeBytes) / 1024)
  return `${prelude(toolchain, cache)}
say system "$(uname -s)" "$(uname -m)"
[ "$(uname -s)" = Linux ] || exit 1
secure
if [ -d "$d" ] && check "$d"; then
  touch "$d"
  say serve
  exec "$d/$loader" --library-path "$d" "$d/$program" --serve-many ${silenceSeconds}
fi
x=$c/tmp.$$
{ echo '#!/bin/sh' > "$x" && chmod 700 "$x"; } || die write "'$c' cannot be written"
"$x" || { rm -f "$x"; die noexec "'$c'"; }
rm -f "$x"
set -- $(df -Pk "$c" | tail -n 1)
case $4 in
  '' | *[!0-9]*) ;;
  *) [ "$4" -ge ${needed} ] || die write "$(($4 / 1000)) MB are free in '$c', and ${Math.ceil(needed / 1000)} MB are needed" ;;
esac
say need
`
}

/**
 * Takes all files, one after the other, from the rest of the input. They are written as one file first: nothing but a pipe that ends is read alike by all
 * versions of all tools.
 */
export function shipScript(toolchain: Toolchain, cache: string | undefined, token: string): string {
  const sizes = toolchain.files.map(({ sizeBytes, name }) => `${sizeBytes} ${name}`)
  return `${prelude(toolchain, cache)}
secure
find "$c/." ! -name . -prune -name '${ANY_DIGEST}' ! -name ${toolchain.digest} -mtime +${KEEP_DAYS} -exec rm -rf {} \\;
find "$c/." ! -name . -prune -name 'tmp.*' -mtime +0 -exec rm -rf {} \\;
t=$c/tmp.${token}
trap 'rm -rf "$t"' 0
trap 'exit 1' 1 2 13 15
mkdir "$t" || die directory "'$t' cannot be made"
cat > "$t/all" || die write "'$c' cannot be written"
size=$(($(wc -c < "$t/all")))
[ $size = ${toolchain.sizeBytes} ] || die cut "$size of ${toolchain.sizeBytes} bytes have arrived"
at=1
while read -r size name; do
  tail -c "+$at" "$t/all" | head -c "$size" > "$t/$name" || die write "'$c' cannot be written"
  at=$((at + size))
done <<.
${sizes.join('\n')}
.
rm "$t/all"
chmod 500 "$t"/*
check "$t" || die damaged "files have arrived with other contents"
if [ -e "$d" ] && ! check "$d"; then mv "$d" "$t.old"; fi
[ -e "$d" ] || mv "$t" "$d"
rm -rf "$t" "$t.old" "$d/tmp.${token}"
say shipped
`
}

function prelude({ digest, sums, program, loader }: Toolchain, cache: string | undefined): string {
  return `LC_ALL=C; export LC_ALL; umask 077; unset LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH
say() { printf 'dtlto-ssh %s\\n' "$*"; }
die() { say error "$@"; exit 1; }
program=${quote(program)}; loader=${quote(loader)}
c=${cache === undefined ? '${XDG_CACHE_HOME:-$HOME/.cache}/dtlto/toolchain' : quote(`${cache}/${OWN_DIRECTORY}`)}
case $c in /*) ;; *) c=$HOME/$c ;; esac
d=$c/${digest}
sums=${quote(sums.join('\n'))}
secure() {
  mkdir -p "$c" || die directory "'$c' cannot be made"
  set -- $(ls -ldn "$c/.")
  [ "$3" = "$(id -u)" ] || die owner "'$c' belongs to user $3"
  case $1 in drwx------*) ;; *) chmod 700 "$c" || die owner "'$c' is open to others" ;; esac
}
check() (
  cd "$1" || exit
  [ "$(find . -name .checked -mtime -1)" ] && [ -z "$(find . -type f -newer .checked)" ] &&
    [ "$(ls -lni)" = "$(cat .checked)" ] && exit
  if command -v sha256sum >/dev/null; then
    printf '%s\\n' "$sums" | sha256sum -c - >/dev/null 2>&1
  else
    found=$("./$loader" --library-path . "./$program" --manifest | cut -d' ' -f1 | sort)
    [ "$found" = "$(printf '%s\\n' "$sums" | cut -d' ' -f1 | sort)" ]
  fi || exit
  { ls -lni > .checked; } 2>/dev/null
  :
)`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
