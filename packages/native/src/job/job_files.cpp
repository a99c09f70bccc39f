#include "job_files.h"
#include "config_codec.h"
#include "llvm/IR/LLVMRemarkStreamer.h"
#include "llvm/Remarks/RemarkStreamer.h"
#include "llvm/Support/Path.h"

using namespace llvm;

Error dtlto::InputFiles::replace(const CodegenJob &Job, lto::Config &Conf) {
  auto ContentsOf = [&](StringRef Field) -> const JobFile * {
    auto Found = find_if(
        Job.Files, [&](const JobFile &File) { return File.Field == Field; });
    return Found == Job.Files.end() ? nullptr : &*Found;
  };
  auto Missing = [](StringRef Field) {
    return createStringError("the contents of the file that '" + Field +
                             "' names are not in the job");
  };

  for (auto [Field, Path] : filesRead(Conf)) {
    const JobFile *Contents = ContentsOf(Field);
    if (!Contents)
      return Missing(Field);
    auto File = ScratchFile::create(Contents->Bytes);
    if (!File)
      return File.takeError();
    Files.push_back({std::move(*File), Path.str()});
    (Field == "SampleProfile" ? Conf.SampleProfile
     : Field == "CSIRProfile" ? Conf.CSIRProfile
                              : Conf.ProfileRemapping) =
        Files.back().File.path();
  }
  if (Conf.Options.BBSectionsFuncListBuf) {
    const JobFile *Contents = ContentsOf("BBSectionsFuncList");
    if (!Contents)
      return Missing("BBSectionsFuncList");
    Conf.Options.BBSectionsFuncListBuf =
        MemoryBuffer::getMemBufferCopy(Contents->Bytes, "BBSectionsFuncList");
  }
  return Error::success();
}

void dtlto::InputFiles::restorePaths(std::string &Text) const {
  for (const Replaced &File : Files) {
    const std::string &Path = File.File.path();
    for (size_t At = 0; (At = Text.find(Path, At)) != std::string::npos;
         At += File.OriginalPath.size())
      Text.replace(At, Path.size(), File.OriginalPath);
  }
}

Error dtlto::DwoOutput::redirect(lto::Config &Conf, unsigned Task) {
  if (Conf.DwoDir.empty())
    return Error::success();
  SmallString<256> Name(Conf.DwoDir);
  sys::path::append(Name, Twine(Task) + ".dwo");
  auto Created = ScratchFile::create("");
  if (!Created)
    return Created.takeError();
  File.emplace(std::move(*Created));
  Conf.DwoDir.clear();
  Conf.SplitDwarfFile = Name.str();
  Conf.SplitDwarfOutput = File->path();
  Path = Name.str();
  return Error::success();
}

Error dtlto::DwoOutput::collect(CodegenResult &Result) {
  if (!File || !Result.HasObject)
    return Error::success();
  auto Bytes = File->read();
  if (!Bytes)
    return Bytes.takeError();
  Result.SideOutputs.push_back({"dwo", Path, std::move(*Bytes)});
  return Error::success();
}

Error dtlto::RemarksOutput::start(LLVMContext &Context, lto::Config &Conf,
                                  unsigned Task) {
  if (Conf.RemarksFilename.empty())
    return Error::success();
  Path = Conf.RemarksFilename + ".thin." + std::to_string(Task) + "." +
         Conf.RemarksFormat;
  Expected<remarks::Format> Format = remarks::parseFormat(Conf.RemarksFormat);
  if (!Format)
    return Format.takeError();
  auto Serializer = remarks::createRemarkSerializer(*Format, OS);
  if (!Serializer)
    return Serializer.takeError();
  // Not setupLLVMOptimizationRemarks() for streams: it knows no file name,
  // and formats with a section in the object put it there.
  Context.setMainRemarkStreamer(std::make_unique<remarks::RemarkStreamer>(
      std::move(*Serializer), StringRef(Path)));
  Context.setLLVMRemarkStreamer(
      std::make_unique<LLVMRemarkStreamer>(*Context.getMainRemarkStreamer()));
  Active = &Context;
  if (!Conf.RemarksPasses.empty())
    if (Error E =
            Context.getMainRemarkStreamer()->setFilter(Conf.RemarksPasses))
      return E;
  // thinBackend() still sets the hotness threshold; it must not open a file.
  Conf.RemarksFilename.clear();
  return Error::success();
}

void dtlto::RemarksOutput::collect(CodegenResult &Result) {
  if (!Active)
    return;
  finish();
  Result.SideOutputs.push_back({"remarks", Path, std::move(Bytes)});
}

void dtlto::RemarksOutput::finish() {
  if (Active)
    finalizeLLVMOptimizationRemarks(*Active);
  Active = nullptr;
}
