{{- define "hopguard.name" -}}
{{- .Chart.Name -}}
{{- end -}}

{{- define "hopguard.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "hopguard.selector" -}}
app.kubernetes.io/name: {{ include "hopguard.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hopguard.labels" -}}
{{ include "hopguard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "hopguard.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "hopguard.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name: want the name of one that exists, because serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "hopguard.image" -}}
{{- $repository := required "image.repository: want where the image was pushed to" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The port of the API: what api.listen ends with. */ -}}
{{- define "hopguard.port" -}}
{{- $listen := dig "api" "listen" "" .Values.config -}}
{{- $port := regexFind "[0-9]+$" $listen -}}
{{- if not (hasPrefix ":" $listen) -}}
{{- fail (printf "config.api.listen: %q: want :PORT, because the probes of Kubernetes come from outside of the pod" $listen) -}}
{{- end -}}
{{- $port -}}
{{- end -}}
