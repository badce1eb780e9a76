// What the oracle asks of the audit trail: one unbroken chain for each region.
#include "cloud/shard/audit_chain.h"
#include "sim/chaos/oracle.h"

namespace starling::sim {

void ExamineAuditChain(const Evidence& evidence, Judgement* judgement) {
  for (const cloud::Partition region : evidence.regions) {
    cloud::AuditVerifier verifier;
    const Status status =
        evidence.log->Read(cloud::Topic::kCommands, region, cloud::Offset{0}, [&](const cloud::LogRecord& record) {
          verifier.Add(record.key, record.value);
          return true;
        });
    verifier.Finish();
    judgement->chain_records += verifier.records();
    const std::string where = "commands, region " + std::to_string(ToNumber(region));
    if (!status.ok()) {
      judgement->Add(FindingKind::kUnreadable, where + ": " + std::string(status.message()));
    } else if (const std::optional<cloud::AuditBreak>& broken = verifier.first_break()) {
      judgement->Add(FindingKind::kChainBroken, where + ", record " + std::to_string(broken->position) + ": " +
                                                    cloud::NameOf(broken->kind) + ", index " +
                                                    std::to_string(broken->index) + " where " +
                                                    std::to_string(broken->expected) + " belongs");
    } else if (verifier.records() > 0 && (verifier.begins_at() != 1 || verifier.starts_count() != 1)) {
      // The data are whole from the first record on, and no state was ever given up.
      judgement->Add(FindingKind::kChainBroken, where + ": it begins at " + std::to_string(verifier.begins_at()) +
                                                    ", and anew " + std::to_string(verifier.starts_count()) +
                                                    " times");
    }
  }
}

}  // namespace starling::sim
