/** Where dtlto-codegen of this installation is: what a distributor ships, and what it compares other machines' with. */
export { codegenProgram } from '@dtlto/native'
