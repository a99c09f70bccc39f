// One clang process: files in, an object out. Knows nothing of JavaScript.
#ifndef NATIVE_PLUGIN_CLANG_PROCESS_H
#define NATIVE_PLUGIN_CLANG_PROCESS_H

#include <mutex>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

struct ClangWork {
  std::vector<std::string> Args;
  /// Name and bytes of each file.
  std::vector<std::pair<std::string, std::string>> Files;
  std::string Output;
};

struct ClangAnswer {
  /// Spoke: there is an object, but clang printed something, and its words are
  /// not lld's.
  enum { Trouble, DoesNotCompile, Spoke, Object } Kind = Trouble;
  /// The object's bytes, what clang printed, or what went wrong.
  std::string Text;
  double CompileMs = 0;
};

/// Says that an answer is not wanted any more. Any thread may call it.
class Cancellation {
public:
  void cancel();
  bool isCancelled();

private:
  friend ClangAnswer runClang(const ClangWork &, Cancellation &);
  std::mutex Mutex;
  bool Cancelled = false;
  pid_t Process = 0;
};

/// Blocks until clang has ended or was cancelled.
ClangAnswer runClang(const ClangWork &Work, Cancellation &Cancel);

#endif
