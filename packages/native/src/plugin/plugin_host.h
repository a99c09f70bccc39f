// What plugins in C call from threads of their own (dtlto_host), and what has come
// of it for the thread that owns them. No JavaScript in it, and no LLVM.
//
// Plugins are not trusted to count: links and calls have numbers that are never used
// again, and what is said of a number that is unknown is dropped.
#ifndef DTLTO_PLUGIN_HOST_H
#define DTLTO_PLUGIN_HOST_H

#include "dtlto_plugin.h"
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace dtlto {

/// A field of a struct that somebody else has filled, as far as he knows it.
#define DTLTO_FIELD(Struct, Field)                                             \
  ((Struct).size >=                                                            \
           offsetof(                                                           \
               std::remove_cv_t<std::remove_reference_t<decltype(Struct)>>,    \
               Field) +                                                        \
               sizeof((Struct).Field)                                          \
       ? (Struct).Field                                                        \
       : decltype((Struct).Field){})

/// An answer: a copy of a dtlto_result.
struct PluginResult {
  int Outcome = DTLTO_FAILED; ///< dtlto_outcome, if the plugin is right
  std::vector<char> Data;
  std::vector<char> Details;
  std::string Text;
  std::string Worker;
  double QueuedMs = 0, SendMs = 0, CompileMs = 0, ReceiveMs = 0;
};

struct PluginEndpoint {
  std::string Id, Text;
  uint32_t Slots = 0, BusyElsewhere = 0;
  bool Accepting = false, HasQueue = false;
  double Speed = 0, LatencyMs = 0, QueueLimitMs = 0, DeadlineMs = 0;
};

struct PluginEvent {
  enum Kind { Finished, Started, Endpoints, Warning, Debug } What;
  explicit PluginEvent(Kind What) : What(What) {}
  dtlto_call Call = 0;                      ///< Finished, Started
  PluginResult Result;                      ///< Finished
  std::vector<PluginEndpoint> TheEndpoints; ///< Endpoints
  std::string Word, Text;                   ///< Warning, Debug
};

/// The table that plugins get; it lives as long as the process.
const dtlto_host &pluginHost();

/// Makes a number for a distributor that is being opened. \p Wake is called on any
/// thread when there are events and there were none; it must not block, nor call
/// anything of this file.
dtlto_link openPluginLink(std::function<void()> Wake);

/// Nobody takes its events any more: they are dropped.
void closePluginLink(dtlto_link);

/// A number for a call to be finished.
dtlto_call beginPluginCall(dtlto_link);

/// What has happened since the last time.
std::deque<PluginEvent> takePluginEvents(dtlto_link);

} // namespace dtlto

#endif
