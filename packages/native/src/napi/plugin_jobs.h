// Jobs as a plugin in C reads them, from the JavaScript objects that describe them.
#ifndef DTLTO_NAPI_PLUGIN_JOBS_H
#define DTLTO_NAPI_PLUGIN_JOBS_H

#include "dtlto_plugin.h"
#include <deque>
#include <napi.h>
#include <string>
#include <vector>

namespace dtlto {

/// What a call points to: it stays where it is until the call is finished, and so do
/// the buffers that the spans lead to.
struct PluginJobs {
  explicit PluginJobs(const Napi::Array &Described);
  PluginJobs() = default;
  PluginJobs(const PluginJobs &) = delete;

  std::vector<const dtlto_job *> List;

private:
  const char *text(const Napi::Value &Text);
  const std::vector<dtlto_span> &spans(const Napi::Value &Parts);
  void addJob(const Napi::Object &Described);
  void addFiles(dtlto_job &Job, const Napi::Array &Described);

  // None of these moves when it grows.
  std::deque<std::string> Texts;
  std::deque<std::vector<dtlto_span>> Spans;
  std::deque<std::vector<const char *>> Arguments;
  std::deque<dtlto_file> Files;
  std::deque<std::vector<const dtlto_file *>> FileLists;
  std::deque<dtlto_job> Jobs;
  std::deque<Napi::Reference<Napi::Value>> Buffers;
};

} // namespace dtlto

#endif
