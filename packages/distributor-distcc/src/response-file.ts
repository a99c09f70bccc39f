/**
 * Arguments as the text of a response file, quoted for clang's GNU tokenizer (llvm::cl::TokenizeGNUCommandLine): inside
 * double quotes a backslash makes the next byte plain, and nothing else is special, line ends included.
 */
export function toResponseFile(args: readonly string[]): string {
  return args.map((arg) => `${quote(arg)}\n`).join('')
}

function quote(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `"${arg.replace(/["\\]/g, '\\$&')}"`
}
