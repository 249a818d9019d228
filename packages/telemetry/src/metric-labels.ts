/** Labels of one series. @public */
export type MetricLabels = Readonly<Record<string, string>>;
