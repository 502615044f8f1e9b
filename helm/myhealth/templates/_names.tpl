{{- define "myhealth.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The beginning of every name; short enough for what Kubernetes appends to those of StatefulSets and CronJobs. */}}
{{- define "myhealth.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trimSuffix "-" -}}
{{- else if contains (include "myhealth.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "myhealth.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes: root. */}}
{{- define "myhealth.releaseLabels" -}}
app.kubernetes.io/name: {{ include "myhealth.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What never changes: root, component. */}}
{{- define "myhealth.selectorLabels" -}}
{{ include "myhealth.releaseLabels" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Of every object: root, component. */}}
{{- define "myhealth.labels" -}}
{{ include "myhealth.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: myhealth
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Metadata of an object in a namespace: root, component, name; of those of other controllers also namespace, labels,
     annotations. */}}
{{- define "myhealth.metadata" -}}
name: {{ .name }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- mergeOverwrite (include "myhealth.labels" . | fromYaml) (.labels | default dict) | toYaml | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "myhealth.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "myhealth.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "myhealth.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry -}}
{{- $repository := .Values.image.repository -}}
{{- if $registry -}}{{- $repository = printf "%s/%s" $registry $repository -}}{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The roles that have pods which stay, as a JSON list. */}}
{{- define "myhealth.roles" -}}
{{- $roles := list -}}
{{- if eq .Values.mode "embedded" -}}
{{- $roles = list "embedded" -}}
{{- else -}}
{{- if .Values.exporter.enabled }}{{ $roles = append $roles "exporter" }}{{ end -}}
{{- if .Values.api.enabled }}{{ $roles = append $roles "api" }}{{ end -}}
{{- if and .Values.ingest.enabled (eq .Values.ingest.form "deployment") }}{{ $roles = append $roles "ingest" }}{{ end -}}
{{- if .Values.webhook.enabled }}{{ $roles = append $roles "webhook" }}{{ end -}}
{{- end -}}
{{- $roles | toJson -}}
{{- end -}}

{{/* Whether a role (root, role) does a thing. */}}
{{- define "myhealth.serves" -}}
{{- if and (has .role (list "api" "embedded")) (or (eq .role "embedded") .root.Values.api.enabled) }}api{{ end -}}
{{- end -}}
{{- define "myhealth.receives" -}}
{{- if or (eq .role "webhook") (and (eq .role "embedded") .root.Values.webhook.enabled) }}webhook{{ end -}}
{{- end -}}
{{- define "myhealth.reads" -}}
{{- if has .role (list "ingest" "webhook" "embedded" "sync") }}oura{{ end -}}
{{- end -}}

{{/* How many replicas a role has at least: root, role. */}}
{{- define "myhealth.leastReplicas" -}}
{{- if and (eq .role "api") (ne .root.Values.api.autoscaling.type "none") -}}
{{- .root.Values.api.autoscaling.minReplicas -}}
{{- else if and (eq .role "exporter") (gt (int .root.Values.exporter.shards) 1) -}}
1
{{- else -}}
{{- (get .root.Values .role).replicas -}}
{{- end -}}
{{- end -}}

{{- define "myhealth.callbackUrl" -}}
{{- if .Values.webhook.callbackUrl -}}
{{- .Values.webhook.callbackUrl -}}
{{- else if .Values.exposure.hosts -}}
{{- printf "https://%s%s" (first .Values.exposure.hosts) .Values.exposure.paths.webhook -}}
{{- end -}}
{{- end -}}
