// dtlto-codegen: the program that compiles jobs on other machines, and in other
// processes of this one.
//
// It trusts nothing of the machine it runs on: options, modules and profiles
// come with the job. While a job runs, file descriptor 2 leads into memory, so
// that what targets print there belongs to the job's result. When LLVM ends the
// process (a crash, a fatal error), the text goes to the real stderr first.
//
// Serving, it compiles one job at a time: LLVM's options and descriptor 2 are
// global. It ends when its input ends, and at once when nobody can receive the
// result any more, so that no worker outlives its linker.

#include "codegen_group.h"
#include "codegen_server.h"
#include "job/codegen_job.h"
#include "job/config_codec.h"
#include "job/job_codec.h"
#include "job/scratch_file.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/CodeGen/CommandFlags.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/WithColor.h"
#include <fcntl.h>
#include <poll.h>
#include <thread>
#include <unistd.h>
#ifdef __linux__
#include <link.h>
#endif

using namespace llvm;
using namespace dtlto;

// lld registers these options and puts their values into the Config. Here they
// only have to be known, for jobs may replay them.
static codegen::RegisterCodeGenFlags CodeGenFlags;

static constexpr StringLiteral Usage =
    R"(usage: dtlto-codegen --job DIR -o OBJECT [--side-outputs DIR]
       dtlto-codegen --jobs DIR --side-outputs DIR
       dtlto-codegen --serve | --serve-fd N | --serve-many SECONDS
       dtlto-codegen --print-options FILE | --manifest | --version | --help

Compiles the ThinLTO backend jobs of dtlto from their bytes alone.

  --job DIR            compile the job in DIR (job.txt and its blobs)
  -o OBJECT            where to write the object
  --side-outputs DIR   write DIR/result: diagnostics, .dwo, remarks, printed text
  --jobs DIR           compile the job in each directory DIR/NAME, one after the
                       other, each in a process of its own: NAME/object.o and
                       NAME/result below --side-outputs, of those that compile
  --serve              read jobs from standard input, write results to standard
                       output, until the input ends
  --serve-fd N         the same on the open socket N
  --serve-many SECONDS read frames with jobs from standard input and compile as
                       many at a time as there are; end when the other side is
                       silent for SECONDS
  --print-options FILE check the code generation options in FILE (or in the job
                       in the directory FILE) and print them
  --manifest           print what a machine needs to run this program: digest
                       (SHA-256), size and path of itself and of each library
  --version            print the versions of this program's formats and of LLVM

exit status: 0 compiled; 1 LLVM ended the process; 2 wrong usage; 3 the job is
refused (malformed, of another version, of other options); 4 files cannot be
read or written; 5 the module does not compile
)";

enum ExitCode {
  Compiled = 0,
  WrongUsage = 2,
  Refused = 3,
  IOTrouble = 4,
  DoesNotCompile = 5
};

static int fail(ExitCode Code, const Twine &What) {
  WithColor::error(errs(), "dtlto-codegen") << What << '\n';
  return Code;
}

//===----------------------------------------------------------------------===//
// Printed text
//===----------------------------------------------------------------------===//

namespace {

// Read by a signal handler.
int RealStderr = -1;
int CapturedText = -1;

/// Gives descriptor 2 back and copies to it what has been captured. Safe in a
/// signal handler: system calls only.
void endCapture(void * = nullptr) {
  if (CapturedText < 0)
    return;
  dup2(RealStderr, 2);
  char Buffer[4096];
  lseek(CapturedText, 0, SEEK_SET);
  for (ssize_t Size; (Size = ::read(CapturedText, Buffer, sizeof(Buffer))) > 0;)
    if (::write(2, Buffer, Size) < 0)
      break;
  CapturedText = -1;
}

/// Descriptor 2 leads into memory as long as this lives.
class StderrCapture {
public:
  explicit StderrCapture(const ScratchFile &File) : File(File) {
    CapturedText = ::open(File.path().c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
    RealStderr = fcntl(2, F_DUPFD_CLOEXEC, 3);
    if (CapturedText >= 0)
      dup2(CapturedText, 2);
  }
  std::string take() {
    Expected<std::string> Text = File.read();
    if (Text)
      return std::move(*Text);
    return toString(Text.takeError());
  }
  ~StderrCapture() {
    int Descriptor = std::exchange(CapturedText, -1);
    dup2(RealStderr, 2);
    close(RealStderr);
    if (Descriptor >= 0)
      close(Descriptor);
  }

private:
  const ScratchFile &File;
};

} // namespace

static Expected<CodegenResult> compileCaptured(const CodegenJob &Job) {
  Expected<ScratchFile> File = ScratchFile::create("");
  if (!File) // of this machine, not of the job, which another one may do
    std::exit(fail(IOTrouble, toString(File.takeError())));
  StderrCapture Capture(*File);
  Expected<CodegenResult> Result = compileJob(Job);
  if (Result) {
    outs().flush();
    Result->StderrText = Capture.take();
  }
  return Result;
}

//===----------------------------------------------------------------------===//
// One job from a directory
//===----------------------------------------------------------------------===//

static Error writeFile(StringRef Path,
                       function_ref<void(raw_ostream &)> Write) {
  std::error_code EC;
  raw_fd_ostream OS(Path, EC);
  if (!EC) {
    Write(OS);
    OS.close();
    EC = OS.error();
    OS.clear_error();
  }
  if (EC)
    return createStringError(EC,
                             "cannot write '" + Path + "': " + EC.message());
  return Error::success();
}

static int compileDirectory(StringRef Directory, StringRef ObjectPath,
                            StringRef SideOutputs) {
  Expected<OwnedJob> Job = readJobDirectory(Directory);
  if (!Job)
    return fail(Refused, toString(Job.takeError()));
  Expected<CodegenResult> Result = compileCaptured(Job->Job);
  if (!Result)
    return fail(Refused, toString(Result.takeError()));

  bool IsCompiled = Result->compiled();
  errs() << Result->StderrText;
  for (const Diagnostic &D : Result->Diagnostics)
    errs() << (D.Severity == DS_Error     ? "error: "
               : D.Severity == DS_Warning ? "warning: "
               : D.Severity == DS_Remark  ? "remark: "
                                          : "note: ")
           << (D.NamesModule ? Job->Job.Own.Id + " " : "") << D.Text << '\n';
  if (!Result->Failure.empty())
    errs() << "error: " << Result->Failure << '\n';

  if (IsCompiled)
    if (Error E = writeFile(ObjectPath, [&](raw_ostream &OS) {
          OS.write(Result->Object.data(), Result->Object.size());
        }))
      return fail(IOTrouble, toString(std::move(E)));
  if (!SideOutputs.empty()) {
    Result->Object.clear(); // It has a file of its own.
    SmallString<256> Path(SideOutputs);
    sys::path::append(Path, "result");
    if (std::error_code EC = sys::fs::create_directories(SideOutputs))
      return fail(IOTrouble, "cannot make the directory '" + SideOutputs +
                                 "': " + EC.message());
    if (Error E = writeFile(
            Path, [&](raw_ostream &OS) { writeResultMessage(*Result, OS); }))
      return fail(IOTrouble, toString(std::move(E)));
  } else if (!Result->SideOutputs.empty()) {
    return fail(WrongUsage, "the job has outputs beside the object: "
                            "--side-outputs DIR is needed");
  }
  return IsCompiled ? Compiled : DoesNotCompile;
}

//===----------------------------------------------------------------------===//
// Serving
//===----------------------------------------------------------------------===//

static Expected<bool> readAll(int Descriptor, MutableArrayRef<char> Buffer) {
  for (size_t Done = 0; Done < Buffer.size();) {
    ssize_t Size =
        ::read(Descriptor, Buffer.data() + Done, Buffer.size() - Done);
    if (Size < 0 && errno == EINTR)
      continue;
    if (Size < 0)
      return errorCodeToError(std::error_code(errno, std::generic_category()));
    if (Size == 0 && Done == 0)
      return false;
    if (Size == 0)
      return createStringError("the stream ends within a message");
    Done += Size;
  }
  return true;
}

static int serve(int In, int Out) {
  // A closed reading end shows as an error of the writing end.
  std::thread([Out] {
    pollfd Poll{Out, 0, 0};
    while (poll(&Poll, 1, -1) < 0 && errno == EINTR) {
    }
    _exit(Compiled);
  }).detach();

  JobReader Reader;
  raw_fd_ostream OS(Out, /*shouldClose=*/false);
  while (true) {
    auto Job = Reader.read(
        [&](MutableArrayRef<char> Buffer) { return readAll(In, Buffer); });
    if (Job && !*Job)
      return Compiled;
    Expected<CodegenResult> Result =
        Job ? compileCaptured((*Job)->Job)
            : Expected<CodegenResult>(Job.takeError());
    if (Result)
      writeResultMessage(*Result, OS, (*Job)->Job.Id);
    else
      writeRefusalMessage(toString(Result.takeError()), OS);
    OS.flush();
    if (OS.has_error()) {
      OS.clear_error();
      return IOTrouble;
    }
    if (Reader.isBroken())
      return Refused;
  }
}

//===----------------------------------------------------------------------===//
// Information
//===----------------------------------------------------------------------===//

static int printOptions(StringRef Path) {
  std::string Text;
  if (sys::fs::is_directory(Path)) {
    Expected<OwnedJob> Job = readJobDirectory(Path);
    if (!Job)
      return fail(Refused, toString(Job.takeError()));
    Text = Job->Job.Options.str();
  } else {
    auto File = MemoryBuffer::getFileOrSTDIN(Path);
    if (!File)
      return fail(IOTrouble,
                  "cannot read '" + Path + "': " + File.getError().message());
    Text = (*File)->getBuffer().str();
  }
  lto::Config Conf;
  std::vector<std::string> LibFuncs;
  if (Error E = decodeOptions(Text, Conf, LibFuncs))
    return fail(Refused, toString(std::move(E)));
  outs() << Text;
  return 0;
}

static int printManifest(const char *Argv0) {
  // Where its own loader is the program that was started (`ld-linux.so …
  // dtlto-codegen`), the system takes that for the main executable.
  SmallString<256> Program;
  if (!StringRef(Argv0).contains('/') || sys::fs::real_path(Argv0, Program))
    Program = sys::fs::getMainExecutable(Argv0, (void *)&printManifest);
  std::vector<std::string> Paths = {std::string(Program)};
#ifdef __linux__
  dl_iterate_phdr(
      [](dl_phdr_info *Info, size_t, void *Data) {
        // The program itself has no name here, the kernel's page no path.
        if (StringRef(Info->dlpi_name).contains('/'))
          static_cast<std::vector<std::string> *>(Data)->push_back(
              Info->dlpi_name);
        return 0;
      },
      &Paths);
#else
  return fail(WrongUsage, "--manifest is not known for this system");
#endif
  for (const std::string &Path : Paths) {
    auto File = MemoryBuffer::getFile(Path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
    if (!File)
      return fail(IOTrouble,
                  "cannot read '" + Path + "': " + File.getError().message());
    std::string Quoted;
    appendQuoted(Quoted, Path);
    outs() << digestOf({(*File)->getBuffer()}) << ' '
           << (*File)->getBufferSize() << ' ' << Quoted << '\n';
  }
  return 0;
}

int main(int Argc, char **Argv) {
  // Before InitLLVM's, which prints a stack trace on descriptor 2.
  sys::AddSignalHandler(endCapture, nullptr);
  std::atexit([] { endCapture(); });
  InitLLVM Init(Argc, Argv);

  SmallVector<StringRef, 8> Args(Argv + 1, Argv + Argc);
  StringRef Job, Jobs, Object, SideOutputs;
  for (size_t I = 0; I < Args.size(); ++I) {
    StringRef Arg = Args[I];
    bool HasValue = I + 1 < Args.size();
    if (Arg == "--help") {
      outs() << Usage;
      return 0;
    }
    if (Arg == "--version") {
      outs() << "dtlto-codegen job " << JobVersion << " options "
             << OptionsVersion << " llvm " << llvmVersion() << '\n';
      return 0;
    }
    if (Arg == "--manifest")
      return printManifest(Argv[0]);
    if (Arg == "--serve") {
      // What passes print on standard output must not end up among results.
      int Out = fcntl(1, F_DUPFD_CLOEXEC, 3);
      dup2(2, 1);
      return serve(0, Out);
    }
    unsigned Seconds;
    if (Arg == "--serve-many" && HasValue &&
        !Args[I + 1].getAsInteger(10, Seconds) && Seconds > 0) {
      int Out = fcntl(1, F_DUPFD_CLOEXEC, 3);
      dup2(2, 1);
      return serveMany(0, Out, Seconds, compileCaptured) ? Compiled : IOTrouble;
    }
    int Socket;
    if (Arg == "--serve-fd" && HasValue &&
        !Args[I + 1].getAsInteger(10, Socket))
      return serve(Socket, Socket);
    if (Arg == "--print-options" && HasValue)
      return printOptions(Args[I + 1]);
    StringRef *Value = Arg == "--job"            ? &Job
                       : Arg == "--jobs"         ? &Jobs
                       : Arg == "-o"             ? &Object
                       : Arg == "--side-outputs" ? &SideOutputs
                                                 : nullptr;
    if (!Value || !HasValue)
      return fail(WrongUsage, "unknown option or missing value: '" + Arg +
                                  "' (see --help)");
    *Value = Args[++I];
  }
  if (!Jobs.empty() && Job.empty() && Object.empty() && !SideOutputs.empty()) {
    if (Error E = compileEach(Jobs, SideOutputs, compileDirectory))
      return fail(IOTrouble, toString(std::move(E)));
    return Compiled;
  }
  if (Job.empty() || Object.empty() || !Jobs.empty())
    return fail(WrongUsage, "--job DIR and -o OBJECT are needed (see --help)");
  return compileDirectory(Job, Object, SideOutputs);
}
