{{- define "zen-agent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "zen-agent.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "zen-agent.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "zen-agent.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "zen-agent.selector" -}}
app.kubernetes.io/name: {{ include "zen-agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "zen-agent.labels" -}}
{{ include "zen-agent.selector" . }}
{{ include "zen-agent.release" . }}
{{- end -}}

{{- define "zen-agent.release" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "zen-agent.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "zen-agent.dnsEgress" -}}
- ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
  to:
    - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
      podSelector: { matchLabels: { k8s-app: kube-dns } }
{{- end -}}

{{- define "zen-agent.apiServerEgress" -}}
{{- with .Values.networkPolicy.apiServer -}}
- ports:
    {{- range .ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
  {{- with .cidrs }}
  to:
    {{- range . }}
    - ipBlock: { cidr: {{ . | quote }} }
    {{- end }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "zen-agent.forwarder.fullname" -}}
{{- include "zen-agent.fullname" . | trunc 45 | trimSuffix "-" }}-forwarder
{{- end -}}

{{- /* Another name than the agent's, whose selector would find these pods too. */ -}}
{{- define "zen-agent.forwarder.selector" -}}
app.kubernetes.io/name: {{ include "zen-agent.name" . | trunc 53 | trimSuffix "-" }}-forwarder
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "zen-agent.forwarder.labels" -}}
{{ include "zen-agent.forwarder.selector" . }}
{{ include "zen-agent.release" . }}
{{- end -}}

{{- /* What the agent may do to targets that have a namespace: what files/rbac.yaml says for the enabled actions, and the kinds given in values. */ -}}
{{- define "zen-agent.targetRules" -}}
{{- $declared := .Files.Get "files/rbac.yaml" | fromYaml -}}
{{- $rules := $declared.targets -}}
{{- range .Values.enabledActions -}}
{{- if not (hasKey $declared.actions .) }}{{ fail (printf "enabledActions: there is no action %s, but: %s" . (keys $declared.actions | sortAlpha | join ", ")) }}{{ end -}}
{{- $rules = concat $rules (get $declared.actions .) -}}
{{- end -}}
{{- if or (has "label" .Values.enabledActions) (has "annotate" .Values.enabledActions) -}}
{{- range .Values.extraTargets -}}
{{- $rules = append $rules (dict "apiGroups" (list .apiGroup) "resources" (list .resource) "verbs" (list "get" "patch")) -}}
{{- end -}}
{{- end -}}
{{- if has "apply" .Values.enabledActions -}}
{{- range .Values.applyTargets -}}
{{- $rules = append $rules (dict "apiGroups" (list .apiGroup) "resources" (list .resource) "verbs" (list "get" "create" "patch" "update" "delete")) -}}
{{- end -}}
{{- end -}}
{{- range .Values.probedKinds -}}
{{- $rules = append $rules (dict "apiGroups" (list .apiGroup) "resources" (list .resource) "verbs" (list "get")) -}}
{{- end -}}
{{- $rules | uniq | toYaml -}}
{{- end -}}
