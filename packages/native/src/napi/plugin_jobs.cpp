// Jobs as a plugin in C reads them.
#include "plugin_jobs.h"

namespace dtlto {

static double numberOf(const Napi::Object &Of, const char *Name) {
  return Napi::Value(Of.Get(Name)).ToNumber().DoubleValue();
}

PluginJobs::PluginJobs(const Napi::Array &Described) {
  for (uint32_t I = 0; I < Described.Length(); ++I)
    addJob(Napi::Value(Described[I]).As<Napi::Object>());
  for (const dtlto_job &Job : Jobs)
    List.push_back(&Job);
}

const char *PluginJobs::text(const Napi::Value &Text) {
  return Text.IsUndefined()
             ? nullptr
             : Texts.emplace_back(Text.ToString().Utf8Value()).c_str();
}

const std::vector<dtlto_span> &PluginJobs::spans(const Napi::Value &Parts) {
  std::vector<dtlto_span> &Result = Spans.emplace_back();
  auto List = Parts.As<Napi::Array>();
  for (uint32_t I = 0; I < List.Length(); ++I) {
    auto Part = Napi::Value(List[I]).As<Napi::Uint8Array>();
    Result.push_back({Part.Data(), Part.ByteLength()});
  }
  // The array holds its parts, and is nobody else's.
  Buffers.push_back(Napi::Persistent(Parts));
  return Result;
}

void PluginJobs::addFiles(dtlto_job &Job, const Napi::Array &Described) {
  std::vector<const dtlto_file *> &Pointers = FileLists.emplace_back();
  for (uint32_t I = 0; I < Described.Length(); ++I) {
    auto From = Napi::Value(Described[I]).As<Napi::Object>();
    const std::vector<dtlto_span> &Parts = spans(From.Get("parts"));
    dtlto_file File{};
    File.size = sizeof(File);
    File.name = text(From.Get("name"));
    File.sha256 = text(From.Get("sha256"));
    File.parts = Parts.data();
    File.part_count = Parts.size();
    for (const dtlto_span &Part : Parts)
      File.bytes += Part.size;
    Pointers.push_back(&Files.emplace_back(File));
  }
  Job.files = Pointers.data();
  Job.file_count = Pointers.size();
}

void PluginJobs::addJob(const Napi::Object &From) {
  dtlto_job Job{};
  Job.size = sizeof(Job);
  Job.index = uint32_t(numberOf(From, "index"));
  Job.task = uint32_t(numberOf(From, "task"));
  Job.module_id = text(From.Get("moduleId"));
  Job.target_triple = text(From.Get("targetTriple"));
  Job.cache_key = text(From.Get("cacheKey"));
  Job.cost = numberOf(From, "cost");
  Job.bitcode_bytes = uint64_t(numberOf(From, "bitcodeBytes"));
  Job.imported_bytes = uint64_t(numberOf(From, "importedBytes"));
  Job.imported_modules = uint32_t(numberOf(From, "importedModules"));
  Job.endpoint = text(From.Get("endpoint"));
  Job.output = text(From.Get("output"));
  Napi::Value Message = From.Get("message"), TheFiles = From.Get("files"),
              TheArguments = From.Get("arguments");
  if (Message.IsArray()) {
    const std::vector<dtlto_span> &Parts = spans(Message);
    Job.message = Parts.data();
    Job.message_parts = Parts.size();
    for (const dtlto_span &Part : Parts)
      Job.message_bytes += Part.size;
  }
  if (TheFiles.IsArray())
    addFiles(Job, TheFiles.As<Napi::Array>());
  if (TheArguments.IsArray()) {
    auto List = TheArguments.As<Napi::Array>();
    std::vector<const char *> &Pointers = Arguments.emplace_back();
    for (uint32_t I = 0; I < List.Length(); ++I)
      Pointers.push_back(text(List[I]));
    Pointers.push_back(nullptr);
    Job.arguments = Pointers.data();
  }
  Jobs.push_back(Job);
}

} // namespace dtlto
