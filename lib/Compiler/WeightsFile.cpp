// The header is written last, at the front: a file that was not finished has no magic.
#include "lib/Compiler/WeightsFile.h"
#include "qcc/Runtime/WeightsFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
using namespace qcc;
using llvm::StringRef;

static constexpr int64_t sectionAlign = 64;

llvm::Expected<std::unique_ptr<WeightsFile>> WeightsFile::create(StringRef path, StringRef name) {
  std::error_code code;
  std::unique_ptr<WeightsFile> file(new WeightsFile(path, name, code));
  file->isFinished = bool(code);
  if (code)
    return llvm::createStringError(code, "cannot write '" + name + "': " + code.message());
  file->out.SetBufferSize(1 << 20);
  file->out.write_zeros(QCC_WEIGHTS_ALIGN); // where the header goes; the data region follows it
  return std::move(file);
}

WeightsFile::~WeightsFile() {
  if (isFinished)
    return;
  out.close(); // an abandoned file: that its buffer cannot be written either is no news (and the stream would abort over it)
  out.clear_error();
}

llvm::Error WeightsFile::checked() {
  if (!out.has_error())
    return llvm::Error::success();
  std::error_code code = out.error();
  out.clear_error();
  return llvm::createStringError(code, "cannot write '" + name + "': " + code.message());
}

void WeightsFile::pad(int64_t multiple) {
  int64_t more = int64_t(llvm::alignTo(written, multiple)) - written;
  out.write_zeros(unsigned(more));
  written += more;
}

llvm::Expected<int64_t> WeightsFile::begin(StringRef symbol, StringRef name, int64_t bytes) {
  pad(sectionAlign);
  sections.push_back({symbol.str(), name.str(), written, bytes, {}});
  hash.init();
  return written;
}

llvm::Error WeightsFile::append(llvm::ArrayRef<uint8_t> bytes) {
  out.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  hash.update(bytes);
  written += int64_t(bytes.size());
  return checked();
}

llvm::Error WeightsFile::end() {
  Section &section = sections.back();
  assert(written == section.offset + section.bytes && "a weight is as long as announced");
  section.sha256 = hash.final();
  digestOf[section.symbol] = llvm::toHex(section.sha256, /*LowerCase=*/true);
  return checked();
}

llvm::Error WeightsFile::finish() {
  pad(sectionAlign);
  std::string table, names;
  for (const Section &section : sections) {
    qcc_weights_section entry = {};
    entry.offset = uint64_t(section.offset);
    entry.bytes = uint64_t(section.bytes);
    entry.name_offset = sections.size() * sizeof entry + names.size();
    entry.name_bytes = section.name.size();
    llvm::copy(section.sha256, entry.sha256);
    table.append(reinterpret_cast<const char *>(&entry), sizeof entry);
    names += section.name;
  }
  table += names;
  table.resize(llvm::alignTo(table.size(), 8));
  identity = llvm::SHA256::hash(llvm::arrayRefFromStringRef(table));

  qcc_weights_header header = {};
  memcpy(header.magic, QCC_WEIGHTS_MAGIC, sizeof header.magic);
  header.version = 1;
  header.num_sections = uint32_t(sections.size());
  header.data_offset = QCC_WEIGHTS_ALIGN;
  header.data_bytes = uint64_t(written);
  header.table_offset = header.data_offset + header.data_bytes;
  header.table_bytes = table.size();
  header.file_bytes = header.table_offset + header.table_bytes + strlen(QCC_WEIGHTS_FOOTER);
  llvm::copy(identity, header.id);
  out << table << QCC_WEIGHTS_FOOTER;
  out.flush();
  if (llvm::Error error = checked())
    return error;
  out.seek(0);
  out.write(reinterpret_cast<const char *>(&header), sizeof header);
  out.close();
  isFinished = true;
  return checked();
}
