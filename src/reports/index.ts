/** The report of an evaluation or a run: one self-contained page, its numbers as JSON and tables as CSV. */

export {
  type DataReportInput,
  type DataReportSample,
  type DataReportSplit,
  renderDataReport,
} from './data-report.ts';
export { type ProfileReportInput, renderProfileReport } from './profile-report.ts';
export { prepareReport } from './report.ts';
export type {
  ClassificationResults,
  DetectionResults,
  EvaluationSpeed,
  PreparedReport,
  ReportFiles,
  ReportImage,
  ReportInput,
  ReportPicture,
} from './types.ts';
